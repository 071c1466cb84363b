//! What both readers of VRTs make of their text.

use std::borrow::Cow;

use quick_xml::events::BytesStart;

/// A file that a VRT names.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub struct SourceFile {
    pub name: Box<str>,
    /// It is beside the VRT.
    pub is_relative: bool,
}

impl SourceFile {
    /// The one with this name, which the tag of an element `SourceFilename` says more of.
    pub fn named(name: &str, tag: &BytesStart<'_>) -> Self {
        Self { name: name.into(), is_relative: attribute(tag, "relativeToVRT").is_some_and(|value| is_not_0(&value)) }
    }

    /// Whether it is, by its name, a VRT itself.
    pub fn is_vrt(&self) -> bool {
        is_vrt(&self.name)
    }

    /// Whether it is where it is, whatever the VRT says.
    fn is_absolute(&self) -> bool {
        self.name.starts_with('/') || self.name.contains("://")
    }

    /// As GDAL opens it, from a VRT at `origin`.
    pub fn path(&self, origin: &str) -> String {
        match origin.rsplit_once('/') {
            Some((folder, _)) if self.is_relative && !self.is_absolute() => format!("{folder}/{}", self.name),
            _ => self.name.to_string(),
        }
    }
}

/// Whether a file is, by its name, a VRT.
pub fn is_vrt(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".vrt")
}

/// A path without what leads nowhere, `./` and `//`: for telling files apart.
pub fn plain(path: &str) -> String {
    if path.starts_with("/vsi") || path.contains("://") {
        return path.to_owned();
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    let folders: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("{root}{}", folders.join("/"))
}

/// An attribute, by its name in any case, as GDAL has it.
pub fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.attributes().filter_map(Result::ok);
    let found = attributes.find(|attribute| attribute.key.as_ref().eq_ignore_ascii_case(name))?;
    Some(quick_xml::escape::unescape(&found.value).map_or_else(|_| found.value.to_string(), Cow::into_owned))
}

/// Whether the whole number that a text begins with is another one than 0, as C's `atoi` finds it.
fn is_not_0(text: &str) -> bool {
    let text = text.trim_start();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    digits.chars().take_while(char::is_ascii_digit).any(|digit| digit != '0')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::roundabout("/maps/./././m.vrt", "/maps/m.vrt")]
    #[case::with_slashes("maps//m.vrt", "maps/m.vrt")]
    #[case::with_dots_of_its_own("/maps/.m/..vrt", "/maps/.m/..vrt")]
    #[case::an_object("/vsis3/maps/./m.vrt", "/vsis3/maps/./m.vrt")]
    fn a_file_has_one_plain_path(#[case] path: &str, #[case] expected: &str) {
        assert_eq!(plain(path), expected);
    }

    #[rstest]
    #[case::beside("1", "a.tif", "/maps/a.tif")]
    #[case::by_another_number(" -2x", "a.tif", "/maps/a.tif")]
    #[case::by_a_reference("&#49;", "a.tif", "/maps/a.tif")]
    #[case::where_it_is("0", "a.tif", "a.tif")]
    #[case::no_number("yes", "a.tif", "a.tif")]
    #[case::an_absolute_one("1", "/data/a.tif", "/data/a.tif")]
    #[case::a_url("1", "https://host/a.tif", "https://host/a.tif")]
    fn a_file_is_beside_its_vrt_or_where_it_says(#[case] relative: &str, #[case] name: &str, #[case] expected: &str) {
        let text = format!("SourceFilename relativetovrt=\"{relative}\"");
        let tag = BytesStart::from_content(text.as_str(), "SourceFilename".len());
        assert_eq!(SourceFile::named(name, &tag).path("/maps/m.vrt"), expected);
    }
}
