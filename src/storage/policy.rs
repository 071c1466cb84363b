//! The allow-list: what may be opened. Closed by default, and asked for everything that is opened, at any depth.

use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::addresses::is_public;
use super::location::{BadLocation, Location, Object, Scheme, redacted};

/// Says of every location whether it may be opened.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    rules: Vec<Rule>,
}

/// One entry of the allow-list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    within: Within,
    /// Written by the operator in `storage.allow`, as opposed to derived from a layer.
    listed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Within {
    /// A folder and what is below it, or a file. Symbolic links are resolved when it is asked: they may be changed.
    Folder(PathBuf),
    /// All hosts of a scheme.
    AnyHost(Scheme),
    /// The objects of a container whose key begins with these names.
    Prefix { scheme: Scheme, container: String, key: String },
}

/// A location that may not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} may not be opened: {rule}")]
pub struct Refusal {
    /// The location, without secrets.
    pub what: String,
    /// The rule that says no; holds no location.
    pub rule: Rejection,
}

/// The rules that say no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Nothing in the allow-list covers it.
    NotListed,
    /// Without TLS, and not listed by its own name.
    PlainHttp,
    /// The host is, or resolves to, an address that is not public.
    PrivateAddress,
    /// It is of a kind that is never opened.
    Unsupported(BadLocation),
    /// A device, a pipe.
    NotAFile,
    /// A redirect to where nothing may be opened.
    Redirect,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed => f.write_str("storage.allow does not cover it"),
            Self::PlainHttp => {
                f.write_str("http:// without TLS is refused unless storage.allow lists it as http://host/path/")
            }
            Self::PrivateAddress => f.write_str(
                "its host is a private, loopback or link-local address, refused unless storage.allow lists that host",
            ),
            Self::Unsupported(reason) => reason.fmt(f),
            Self::NotAFile => f.write_str("it is no regular file"),
            Self::Redirect => f.write_str("it redirects to a location that storage.allow does not cover"),
        }
    }
}

impl Refusal {
    fn of(what: impl fmt::Display, rule: Rejection) -> Self {
        Self { what: redacted(&what.to_string()), rule }
    }
}

impl Policy {
    /// What the operator lists; `folder` is what relative entries start from.
    ///
    /// # Errors
    /// When an entry is no location: all that are not, each with its place in the list.
    pub fn listed(entries: &[String], folder: &str) -> Result<Self, Vec<String>> {
        let (mut rules, mut mistakes) = (Vec::new(), Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            match Within::parse(entry, folder) {
                Ok(within) => rules.push(Rule { within, listed: true }),
                Err(reason) => mistakes.push(format!("storage.allow[{index}]: \"{}\": {reason}", redacted(entry))),
            }
        }
        if mistakes.is_empty() { Ok(Self { rules }) } else { Err(mistakes) }
    }

    /// What nobody lists: the folders and prefixes of the sources, and nothing else.
    pub fn of_sources<'a>(sources: impl IntoIterator<Item = &'a str>) -> Self {
        let mut rules: Vec<Rule> = Vec::new();
        for within in sources.into_iter().filter_map(|source| Location::parse(source).ok()).flat_map(Within::around) {
            let rule = Rule { within, listed: false };
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        Self { rules }
    }

    /// Checks a text as somebody wrote it: what `?url=` asks before anything else.
    ///
    /// # Errors
    /// When it may not be opened.
    pub fn location(&self, text: &str) -> Result<Location, Refusal> {
        let unsupported = |reason| Refusal::of(redacted(text), Rejection::Unsupported(reason));
        let location = Location::parse(text).map_err(unsupported)?;
        match &location {
            Location::File(path) => self.file(path).map(|_| ())?,
            Location::Object(object) => self.object(object)?,
        }
        Ok(location)
    }

    /// The file behind a path, symbolic links resolved; it need not exist.
    ///
    /// # Errors
    /// When it may not be opened.
    pub fn file(&self, path: &Path) -> Result<PathBuf, Refusal> {
        let real = real_path(path);
        if self.covers_file(path, &real) { Ok(real) } else { Err(Refusal::of(path.display(), Rejection::NotListed)) }
    }

    /// Opens a file; `None` when there is none, or it is a folder. Devices and pipes are refused.
    ///
    /// What is checked is what was opened: a link that is put in its place in between leads nowhere.
    ///
    /// # Errors
    /// When it may not be opened.
    pub fn open_file(&self, path: &Path) -> Result<Option<std::io::Result<File>>, Refusal> {
        let real = self.file(path)?;
        // A pipe must not make us wait for whoever writes into it.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
        let file = match File::options().read(true).custom_flags(flags).open(&real) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
                return Err(Refusal::of(path.display(), Rejection::NotListed));
            }
            Err(error) => return Ok(Some(Err(error))),
        };
        if let Ok(opened) = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())) {
            // Linux's remark on what has no name any more.
            let shown = opened.to_string_lossy();
            let opened = shown.strip_suffix(" (deleted)").map_or(opened.as_path(), Path::new);
            if !self.covers_file(path, opened) {
                return Err(Refusal::of(path.display(), Rejection::NotListed));
            }
        }
        match file.metadata() {
            Ok(meta) if meta.is_file() => Ok(Some(Ok(file))),
            Ok(meta) if meta.is_dir() => Ok(None),
            Ok(_) => Err(Refusal::of(path.display(), Rejection::NotAFile)),
            Err(error) => Ok(Some(Err(error))),
        }
    }

    /// Whether a rule covers `real`; those that cover the path by its name are looked at first.
    fn covers_file(&self, path: &Path, real: &Path) -> bool {
        let folders = || {
            self.rules.iter().filter_map(|rule| match &rule.within {
                Within::Folder(folder) => Some(folder.as_path()),
                Within::AnyHost(_) | Within::Prefix { .. } => None,
            })
        };
        let leads_there = |folder: &Path| real.starts_with(real_path(folder));
        folders().filter(|folder| path.starts_with(folder)).any(leads_there)
            || folders().filter(|folder| !path.starts_with(folder)).any(leads_there)
    }

    /// An object.
    ///
    /// # Errors
    /// When it may not be opened.
    pub fn object(&self, object: &Object) -> Result<(), Refusal> {
        let refused = |rule| Err(Refusal::of(object, rule));
        if !self.rules.iter().any(|rule| rule.within.covers(object)) {
            return refused(Rejection::NotListed);
        }
        if self.lists(object) || !object.scheme.is_web() {
            return Ok(());
        }
        if object.scheme == Scheme::Http {
            return refused(Rejection::PlainHttp);
        }
        match object.host().parse::<IpAddr>() {
            Ok(address) if !is_public(address) => refused(Rejection::PrivateAddress),
            _ => Ok(()),
        }
    }

    /// Whether the operator lists an object by its host: then that host may have any address.
    #[must_use]
    pub fn lists(&self, object: &Object) -> bool {
        let by_name = |rule: &&Rule| rule.listed && matches!(rule.within, Within::Prefix { .. });
        self.rules.iter().filter(by_name).any(|rule| rule.within.covers(object))
    }

    /// The refusal of a host whose addresses are all private.
    pub(super) fn private(object: &Object) -> Refusal {
        Refusal::of(object, Rejection::PrivateAddress)
    }

    /// The refusal of a redirect.
    pub(super) fn redirect(object: &Object) -> Refusal {
        Refusal::of(object, Rejection::Redirect)
    }
}

impl Within {
    fn parse(entry: &str, folder: &str) -> Result<Self, BadLocation> {
        if entry.contains('*') {
            return Err(BadLocation::Malformed { reason: "there are no wildcards: an entry covers what is below it" });
        }
        if let Some((scheme, rest)) = entry.split_once("://")
            && rest.trim_matches('/').is_empty()
            && scheme != "file"
        {
            return match scheme.to_ascii_lowercase().as_str() {
                "https" if rest.is_empty() => Ok(Self::AnyHost(Scheme::Https)),
                _ => Err(BadLocation::Malformed { reason: "only https:// may stand for every host" }),
            };
        }
        if !entry.contains("://") && !entry.starts_with("/vsi") {
            let path = entry.strip_prefix("file:").unwrap_or(entry);
            if folder.contains("://") && !Path::new(path).is_absolute() {
                return Self::parse(&format!("{folder}/{path}"), "");
            }
            let path = Path::new(folder).join(path).display().to_string();
            return match Location::parse(&path)? {
                Location::File(path) => Ok(Self::Folder(path)),
                Location::Object(object) => Ok(Self::prefix(&object)),
            };
        }
        // A prefix is a location without its last name: put one there, and take it away.
        let location = Location::parse(&format!("{}/x", entry.trim_end_matches('/')))?;
        Ok(match location {
            Location::File(path) => Self::Folder(path.parent().unwrap_or(&path).to_owned()),
            Location::Object(Object { query: Some(_), .. }) => {
                return Err(BadLocation::Malformed { reason: "an entry has no query" });
            }
            Location::Object(object) => Self::prefix(&object),
        })
    }

    /// The folder of a source, and the source itself, which may be a link to elsewhere.
    fn around(source: Location) -> Vec<Self> {
        match source {
            Location::File(path) => {
                // Beside what lies in the root is everything.
                let folder = path.parent().filter(|folder| folder.parent().is_some()).map(Path::to_owned);
                folder.into_iter().chain([path]).map(Self::Folder).collect()
            }
            Location::Object(object) => vec![Self::prefix(&object)],
        }
    }

    fn prefix(object: &Object) -> Self {
        let folder = object.key.rsplit_once('/').map_or("", |(folder, _)| folder);
        Self::Prefix { scheme: object.scheme, container: object.container.clone(), key: folder.to_owned() }
    }

    fn covers(&self, object: &Object) -> bool {
        match self {
            Self::Folder(_) => false,
            Self::AnyHost(scheme) => object.scheme == *scheme,
            Self::Prefix { scheme, container, key } => {
                let below = object.key.strip_prefix(key.as_str());
                object.scheme == *scheme
                    && object.container == *container
                    && below.is_some_and(|rest| key.is_empty() || rest.is_empty() || rest.starts_with('/'))
            }
        }
    }
}

impl Object {
    /// The host of a web location, without port and brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        host_of(&self.container)
    }
}

fn host_of(container: &str) -> &str {
    match container.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => container.split(':').next().unwrap_or_default(),
    }
}

/// A path with its symbolic links resolved, as far as it exists.
fn real_path(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match std::fs::canonicalize(&absolute) {
        Ok(real) => real,
        Err(error) if error.kind() == ErrorKind::NotFound => match (absolute.parent(), absolute.file_name()) {
            (Some(parent), Some(name)) => real_path(parent).join(name),
            _ => absolute,
        },
        Err(_) => absolute,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn policy(entries: &[&str]) -> Policy {
        Policy::listed(&entries.iter().map(ToString::to_string).collect::<Vec<_>>(), "/maps").unwrap()
    }

    fn rejection(policy: &Policy, text: &str) -> Option<Rejection> {
        policy.location(text).err().map(|refusal| refusal.rule)
    }

    #[rstest]
    #[case("s3://maps/public/", "s3://maps/public/a.tif", true)]
    #[case("s3://maps/public", "s3://maps/public/x/a.tif", true)]
    #[case("s3://maps/public/a.tif", "/vsis3/maps/public/a.tif", true)]
    #[case("s3://maps", "s3://maps/any.tif", true)]
    #[case("s3://maps/public/", "s3://maps/public2/a.tif", false)]
    #[case("s3://maps/public/", "s3://maps/public/../secret/a.tif", false)]
    #[case("s3://maps/public/", "s3://maps2/public/a.tif", false)]
    #[case("s3://maps/public/", "gs://maps/public/a.tif", false)]
    #[case("https://host.example/maps/", "https://host.example/maps/a.tif?sig=1", true)]
    #[case("https://host.example/maps/", "https://host.example:8443/maps/a.tif", false)]
    #[case("https://host.example/maps/", "https://host.example.evil.example/maps/a.tif", false)]
    #[case("https://host.example/maps/", "http://host.example/maps/a.tif", false)]
    #[case("https://host.example/maps/", "https://host.example/maps/%2e%2e/secret.tif", false)]
    #[case("https://", "https://host.example/a.tif", true)]
    #[case("file:data/", "/maps/data/a.tif", true)]
    #[case("file:data/", "/maps/data/../secret.tif", false)]
    #[case("data", "/maps/database.tif", false)]
    fn an_entry_covers_what_is_below_it_by_whole_names(#[case] entry: &str, #[case] text: &str, #[case] ok: bool) {
        assert_eq!(policy(&[entry]).location(text).is_ok(), ok);
    }

    #[test]
    fn without_a_list_only_the_folders_of_the_sources_may_be_opened() {
        let policy = Policy::of_sources(["s3://maps/a/b.vrt", "/data/x/y.tif", "http://host.example/z.tif"]);
        assert_eq!(rejection(&policy, "s3://maps/a/deep/c.tif"), None);
        assert_eq!(rejection(&policy, "s3://maps/c.tif"), Some(Rejection::NotListed));
        assert_eq!(rejection(&policy, "/data/x/z.tif"), None);
        assert_eq!(rejection(&policy, "/etc/passwd"), Some(Rejection::NotListed));
        assert_eq!(rejection(&policy, "http://host.example/z.tif"), Some(Rejection::PlainHttp));
    }

    #[rstest]
    #[case("https://127.0.0.1/a.tif")]
    #[case("https://[::1]/a.tif")]
    #[case("https://[::ffff:10.0.0.1]/a.tif")]
    #[case("https://2130706433/a.tif")]
    #[case("https://169.254.169.254/latest/meta-data")]
    fn a_private_address_must_be_listed_itself(#[case] text: &str) {
        assert_eq!(rejection(&policy(&["https://"]), text), Some(Rejection::PrivateAddress));
        assert_eq!(rejection(&Policy::of_sources([text]), text), Some(Rejection::PrivateAddress));
        assert_eq!(rejection(&policy(&["https://", text]), text), None);
        let other_port = Policy::listed(&["https://".to_owned(), "https://127.0.0.1:9/".to_owned()], "/").unwrap();
        assert_eq!(rejection(&other_port, text), Some(Rejection::PrivateAddress));
    }

    #[test]
    fn a_symbolic_link_leads_to_where_it_leads() {
        let folder = std::env::temp_dir().join(format!("cogwheel-policy-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("in")).unwrap();
        std::fs::write(folder.join("out.tif"), "").unwrap();
        let _ = std::os::unix::fs::symlink(folder.join("out.tif"), folder.join("in/link.tif"));
        let link = folder.join("in/link.tif");
        let other = folder.join("in/other.tif").display().to_string();
        assert_eq!(Policy::of_sources([other.as_str()]).file(&link).unwrap_err().rule, Rejection::NotListed);
        let itself = Policy::of_sources([link.to_str().unwrap()]).file(&link).unwrap();
        assert_eq!(itself, std::fs::canonicalize(folder.join("out.tif")).unwrap(), "the operator named this one");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn beside_a_file_in_the_root_nothing_may_be_opened() {
        let policy = Policy::of_sources(["/it.tif"]);
        assert_eq!(
            (rejection(&policy, "/it.tif"), rejection(&policy, "/etc/it.tif")),
            (None, Some(Rejection::NotListed))
        );
    }

    #[test]
    fn a_mistake_in_the_list_has_its_place() {
        let entries = ["s3://maps", "ftp://x/", "http://", "https:///", "https://*.example/"].map(str::to_owned);
        let mistakes = Policy::listed(&entries, "/maps").unwrap_err();
        assert!(
            mistakes[0].starts_with("storage.allow[1]: \"ftp://x/\"") && mistakes[1].contains("[2]"),
            "{mistakes:?}"
        );
    }
}
