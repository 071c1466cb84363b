//! Where something is: a file, or an object in a store. Whatever spelling it came in, a place has one [`Location`].

use std::fmt;
use std::path::{Component, Path, PathBuf};

use url::Url;

/// The longest location that is looked at.
const LONGEST_BYTES: usize = 4096;

/// GDAL's prefixes for object stores, and what each stands for.
const GDAL_PREFIXES: [(&str, Scheme); 3] =
    [("/vsis3/", Scheme::S3), ("/vsigs/", Scheme::Gs), ("/vsiaz/", Scheme::Azure)];

/// GDAL's prefix for URLs.
const GDAL_CURL: &str = "/vsicurl/";

/// A file or an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Location {
    /// In the file system; absolute, without `.` and `..`.
    File(PathBuf),
    /// In an object store or on a web server.
    Object(Object),
}

/// An object in a store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Object {
    /// Which kind of store.
    pub scheme: Scheme,
    /// Bucket, container, or host with its port.
    pub container: String,
    /// Path inside it, not percent-encoded, without a slash in front, without `.` and `..`.
    pub key: String,
    /// The query of a URL: often a signature, so it is never shown.
    pub query: Option<String>,
}

/// The kinds of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Amazon S3 and what speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage.
    Azure,
    /// A web server with TLS.
    Https,
    /// A web server without.
    Http,
}

/// Why a text names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLocation {
    /// A scheme or a GDAL prefix that is not among ours.
    #[error("{what} is not supported: give a path, or s3://, gs://, az:// or https://")]
    Unsupported {
        /// The scheme or the prefix.
        what: String,
    },
    /// `..` that climbs out of the bucket or the root.
    #[error("it leaves its bucket by \"..\"")]
    LeavesRoot,
    /// A name and a password in a URL.
    #[error("it holds a user name: put no credentials into a URL")]
    Credentials,
    /// Anything else.
    #[error("it is no location: {reason}")]
    Malformed {
        /// What is wrong.
        reason: &'static str,
    },
}

impl Scheme {
    /// As it is written in a URL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gs => "gs",
            Self::Azure => "az",
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    /// Whether the container is a host that the location itself names.
    #[must_use]
    pub fn is_web(self) -> bool {
        matches!(self, Self::Https | Self::Http)
    }
}

impl Location {
    /// Reads a path, a URL, or a path as GDAL writes it (`/vsis3/bucket/key`). A relative path starts from the working
    /// directory.
    ///
    /// # Errors
    /// When it is of a kind that is never opened, or malformed.
    pub fn parse(text: &str) -> Result<Self, BadLocation> {
        if text.trim_start().starts_with('<') {
            return Err(BadLocation::Unsupported { what: "a document in place of a path".to_owned() });
        }
        if text.is_empty() || text.len() > LONGEST_BYTES || text.chars().any(char::is_control) {
            return Err(BadLocation::Malformed { reason: "it is empty, too long, or holds control characters" });
        }
        if let Some((scheme, rest)) =
            GDAL_PREFIXES.iter().find_map(|(prefix, scheme)| Some((*scheme, text.strip_prefix(prefix)?)))
        {
            return Object::in_bucket(scheme, rest).map(Self::Object);
        }
        if let Some(url) = text.strip_prefix(GDAL_CURL) {
            return match url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref() {
                Some("http" | "https") => Object::on_the_web(url).map(Self::Object),
                _ => Err(BadLocation::Unsupported { what: "/vsicurl/ without http:// or https://".to_owned() }),
            };
        }
        if text.starts_with("/vsi") || text.starts_with("\\vsi") {
            let end = text[1..].find(['/', '\\', '?']).map_or(text.len(), |end| end + 1);
            return Err(BadLocation::Unsupported { what: text[..end].to_owned() });
        }
        match text.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => match scheme.to_ascii_lowercase().as_str() {
                "s3" => Object::in_bucket(Scheme::S3, rest).map(Self::Object),
                "gs" => Object::in_bucket(Scheme::Gs, rest).map(Self::Object),
                "az" => Object::in_bucket(Scheme::Azure, rest).map(Self::Object),
                "http" | "https" => Object::on_the_web(text).map(Self::Object),
                "file" => Self::file(Path::new(rest)),
                other => Err(BadLocation::Unsupported { what: format!("{other}://") }),
            },
            _ => Self::file(Path::new(text.strip_prefix("file:").unwrap_or(text))),
        }
    }

    /// A path made absolute, `.` and `..` resolved by their names alone.
    fn file(path: &Path) -> Result<Self, BadLocation> {
        let absolute =
            std::path::absolute(path).map_err(|_| BadLocation::Malformed { reason: "it is no absolute path" })?;
        let mut resolved = PathBuf::new();
        for component in absolute.components() {
            match component {
                Component::ParentDir => {
                    resolved.pop();
                }
                Component::CurDir => {}
                other => resolved.push(other),
            }
        }
        Ok(Self::File(resolved))
    }

    /// As GDAL writes it, so that relative sources of a VRT resolve to what we know.
    #[must_use]
    pub fn to_gdal(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Object(object) if object.scheme.is_web() => format!("{GDAL_CURL}{}", object.url()),
            Self::Object(object) => {
                let prefix = GDAL_PREFIXES.iter().find(|(_, scheme)| *scheme == object.scheme);
                format!("{}{}/{}", prefix.map_or("/", |(prefix, _)| prefix), object.container, object.key)
            }
        }
    }

    /// The folder of a configuration, as a text to which relative names are appended.
    #[must_use]
    pub fn folder(&self) -> String {
        match self {
            Self::File(path) => path.parent().unwrap_or(Path::new("")).display().to_string(),
            Self::Object(object) => {
                let folder = object.key.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("/{folder}"));
                format!("{}://{}{folder}", object.scheme.name(), object.container)
            }
        }
    }
}

impl Object {
    /// `bucket/key`, as it is: keys of stores are not percent-encoded.
    fn in_bucket(scheme: Scheme, text: &str) -> Result<Self, BadLocation> {
        let (container, key) =
            text.split_once('/').ok_or(BadLocation::Malformed { reason: "it needs a bucket and a key" })?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if container.len() < 3 || container.len() > 255 || !container.bytes().all(plain) || container.contains("..") {
            return Err(BadLocation::Malformed { reason: "that is no name of a bucket" });
        }
        Ok(Self { scheme, container: container.to_owned(), key: resolved(key)?, query: None })
    }

    fn on_the_web(text: &str) -> Result<Self, BadLocation> {
        // The standard calls a backslash a slash, and skips tabs; who writes either means no good.
        if text.contains('\\') {
            return Err(BadLocation::Malformed { reason: "a URL holds no backslash" });
        }
        let url = Url::parse(text).map_err(|_| BadLocation::Malformed { reason: "it is no URL" })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadLocation::Credentials);
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(BadLocation::Malformed { reason: "it has no host" })?;
        let container = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let scheme = if url.scheme() == "https" { Scheme::Https } else { Scheme::Http };
        let bytes = percent_encoding::percent_decode_str(url.path().trim_start_matches('/'));
        let key = bytes.decode_utf8().map_err(|_| BadLocation::Malformed { reason: "its path is not UTF-8" })?;
        if key.chars().any(|c| c.is_control() || c == '\\') {
            return Err(BadLocation::Malformed { reason: "its path holds control characters or backslashes" });
        }
        let query = url.query().filter(|query| !query.is_empty()).map(str::to_owned);
        Ok(Self { scheme, container, key: resolved(&key)?, query })
    }

    /// The URL with its query: for requests, never for people.
    pub(super) fn url(&self) -> String {
        let shown = self.to_string();
        let Ok(mut url) = Url::parse(&format!("{}://{}/", self.scheme.name(), self.container)) else { return shown };
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(self.key.split('/'));
        }
        url.set_query(self.query.as_deref());
        url.to_string()
    }

    /// The same object, asked for without its query.
    #[must_use]
    pub fn without_query(&self) -> Self {
        Self { query: None, ..self.clone() }
    }

    /// Tells it from every other object.
    pub(super) fn identity(&self) -> String {
        format!("{self}?{}", self.query.as_deref().unwrap_or_default())
    }

    /// Whether the last part of the key ends like this, in any case.
    #[must_use]
    pub fn ends_with(&self, suffix: &str) -> bool {
        let (key, suffix) = (self.key.as_bytes(), suffix.as_bytes());
        key.len() >= suffix.len() && key[key.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// A key without `.` and `..`. An empty name inside it is a name that the store clients do not know.
fn resolved(key: &str) -> Result<String, BadLocation> {
    let mut names = Vec::new();
    for name in key.split('/') {
        match name {
            "" => return Err(BadLocation::Malformed { reason: "a name in its path is empty" }),
            "." => {}
            ".." => {
                names.pop().ok_or(BadLocation::LeavesRoot)?;
            }
            name => names.push(name),
        }
    }
    if names.is_empty() {
        return Err(BadLocation::Malformed { reason: "it needs a key" });
    }
    Ok(names.join("/"))
}

/// For people: without the query.
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/{}", self.scheme.name(), self.container, self.key)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Object(object) => object.fmt(f),
        }
    }
}

/// A text, without what may be secret in the URLs in it: names and passwords, queries. It need not be well-formed.
#[must_use]
pub fn redacted(text: &str) -> String {
    text.split_inclusive(|c: char| c.is_whitespace() || "'\"<>,".contains(c)).map(redacted_word).collect()
}

fn redacted_word(word: &str) -> String {
    let lower = word.to_ascii_lowercase();
    let is_web = lower.contains("http:/") || lower.contains("https:/");
    let Some(scheme_end) = lower.find(":/").filter(|_| is_web || lower.contains("://")) else { return word.to_owned() };
    let start = word[scheme_end + 1..].find(|c| c != '/').map_or(word.len(), |slashes| scheme_end + 1 + slashes);
    let (scheme, rest) = word.split_at(start);
    // Keys of buckets may hold an @; in a URL, all before the last one may be a password.
    let place = if is_web { rest } else { rest.split('/').next().unwrap_or_default() };
    let rest = place.rfind('@').map_or(rest, |at| &rest[at + 1..]);
    match rest.find(['?', '#']) {
        Some(end) => format!("{scheme}{}{}", &rest[..end], ending(word)),
        None => format!("{scheme}{rest}"),
    }
}

/// The character that ended a word.
fn ending(word: &str) -> &str {
    let last = word.char_indices().next_back().filter(|(_, c)| c.is_whitespace() || "'\"<>,".contains(*c));
    last.map_or("", |(at, _)| &word[at..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("s3://maps/a/b.tif", "s3://maps/a/b.tif", "/vsis3/maps/a/b.tif")]
    #[case("/vsis3/maps/a/../b.tif", "s3://maps/b.tif", "/vsis3/maps/b.tif")]
    #[case("gs://maps/a b.tif", "gs://maps/a b.tif", "/vsigs/maps/a b.tif")]
    #[case("az://maps/./b.tif", "az://maps/b.tif", "/vsiaz/maps/b.tif")]
    #[case(
        "HTTPS://Host.Example:443/a%20b.tif",
        "https://host.example/a b.tif",
        "/vsicurl/https://host.example/a%20b.tif"
    )]
    #[case(
        "/vsicurl/https://h.example:8443/x/%2e%2e/b.tif",
        "https://h.example:8443/b.tif",
        "/vsicurl/https://h.example:8443/b.tif"
    )]
    #[case("http://0x7f.1/a.tif", "http://127.0.0.1/a.tif", "/vsicurl/http://127.0.0.1/a.tif")]
    #[case("file:///data/./x/../a.tif", "/data/a.tif", "/data/a.tif")]
    fn a_place_has_one_location(#[case] text: &str, #[case] shown: &str, #[case] gdal: &str) {
        let location = Location::parse(text).unwrap();
        assert_eq!((location.to_string().as_str(), location.to_gdal().as_str()), (shown, gdal));
        assert_eq!(Location::parse(gdal).unwrap(), location, "GDAL's spelling means the same");
    }

    #[rstest]
    #[case("")]
    #[case("<VRTDataset/>")]
    #[case("vrt:///data/a.tif")]
    #[case("ftp://host/a.tif")]
    #[case("/vsizip//vsis3/maps/a.zip/a.tif")]
    #[case("/vsimem/a.tif")]
    #[case("/vsicurl_streaming/https://host/a.tif")]
    #[case("/vsicurl/ftp://host/a.tif")]
    #[case("/vsicurl?url=https://host/a.tif")]
    #[case("s3://maps")]
    #[case("s3://maps/")]
    #[case("s3://maps/../other/a.tif")]
    #[case("s3://ma@ps/a.tif")]
    #[case("s3://maps/a//b.tif")]
    #[case("https://user:secret@host/a.tif")]
    #[case("https://host\\@evil/a.tif")]
    #[case("https:///a.tif")]
    #[case("https://host/a\n.tif")]
    #[case("https://host/a%0a.tif")]
    fn what_names_no_place_is_refused(#[case] text: &str) {
        let error = Location::parse(text).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn a_query_is_kept_and_never_shown() {
        let Location::Object(object) = Location::parse("https://host/a.tif?sig=secret").unwrap() else { panic!() };
        assert_eq!(object.url(), "https://host/a.tif?sig=secret");
        assert_eq!(object.to_string(), "https://host/a.tif");
    }

    #[rstest]
    #[case("https://u:secret@host/a.tif?sig=secret", "https://host/a.tif")]
    #[case("https://u:sec/ret@host/a.tif", "https://host/a.tif")]
    #[case("https:/u:secret@host?sig=secret", "https:/host")]
    #[case(" HTTPS://u:secret@host", " HTTPS://host")]
    #[case("vrt://https://u:secret@host/a", "vrt://host/a")]
    #[case("cannot open '/vsicurl/https://host/a.tif?sig=secret': no", "cannot open '/vsicurl/https://host/a.tif': no")]
    #[case("s3://maps/a@b.tif is fine? yes", "s3://maps/a@b.tif is fine? yes")]
    #[case("s3://u:secret@maps/a.tif", "s3://maps/a.tif")]
    fn what_is_shown_tells_no_secret(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(redacted(text), expected);
    }

    #[test]
    fn relative_names_start_from_the_folder() {
        let folder = |text| Location::parse(text).unwrap().folder();
        assert_eq!(folder("s3://maps/cogwheel.toml"), "s3://maps");
        assert_eq!(folder("s3://maps/a/cogwheel.toml"), "s3://maps/a");
        assert_eq!(folder("/maps/cogwheel.toml"), "/maps");
    }
}
