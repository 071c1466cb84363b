//! What GDAL is shown of a VRT's text.

use std::borrow::Cow;

/// Whether a file begins as a VRT does.
pub fn is_vrt(head: &[u8]) -> bool {
    const BEGINNING_BYTES: usize = 1024;
    const ROOT: &[u8] = b"<VRTDataset";
    head[..head.len().min(BEGINNING_BYTES)].windows(ROOT.len()).any(|window| window == ROOT)
}

/// Lets all sources of a VRT be shared, in its text. Those that are not are handed by GDAL from one VRT to the next by
/// their names alone, in whatever version or state they are; shared ones stay with the handle that opened them.
pub fn share_sources(text: &mut [u8]) {
    const NOT_SHARED: [&[u8]; 2] = [b"shared=\"0\"", b"shared='0'"];
    let length = NOT_SHARED[0].len();
    for start in 0..(text.len() + 1).saturating_sub(length) {
        if text[start] == b's' && NOT_SHARED.contains(&&text[start..start + length]) {
            text[start + length - 2] = b'1';
        }
    }
}

/// Whether a VRT asks for the mask of another band than the first, as `<SourceBand>mask,2</SourceBand>`. GDAL 3.12 crashes
/// when the source has no such band.
///
/// GDAL takes any element or attribute for it, in any case, and its parser is lenient: so every value counts that begins
/// that way.
pub fn asks_for_other_masks(text: &[u8]) -> bool {
    const MASK: &[u8] = b"mask,";
    let text = without_references(text);
    let is_value =
        |start: usize| matches!(text[..start].trim_ascii_end().last(), Some(b'>' | b'"' | b'\'' | b'[' | b'='));
    let is_other = |number: &[u8]| {
        let number = number.trim_ascii_start();
        let digits = number.strip_prefix(b"+").unwrap_or(number);
        let first = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
        match digits[first..] {
            [b'1', next, ..] => next.is_ascii_digit(),
            [first, ..] => first.is_ascii_digit(),
            [] => false,
        }
    };
    text.windows(MASK.len()).enumerate().any(|(start, window)| {
        window.eq_ignore_ascii_case(MASK) && is_value(start) && is_other(&text[start + MASK.len()..])
    })
}

/// A text with its references to ASCII characters (`&#50;`, `&#x32;`) resolved.
fn without_references(text: &[u8]) -> Cow<'_, [u8]> {
    let reference = |rest: &[u8]| {
        let rest = rest.strip_prefix(b"&#")?;
        let end = rest.iter().take(8).position(|byte| *byte == b';')?;
        let number = str::from_utf8(&rest[..end]).ok()?;
        let value = match number.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u8::from_str_radix(hexadecimal, 16),
            None => number.parse(),
        };
        Some((value.ok().filter(u8::is_ascii)?, end + b"&#;".len()))
    };
    if !text.contains(&b'&') {
        return Cow::Borrowed(text);
    }
    let (mut resolved, mut at) = (Vec::with_capacity(text.len()), 0);
    while at < text.len() {
        let (byte, length) = reference(&text[at..]).unwrap_or((text[at], 1));
        resolved.push(byte);
        at += length;
    }
    Cow::Owned(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("<SourceBand>mask,2</SourceBand>")]
    #[case("<sourceband>\n MASK, 12</sourceband>")]
    #[case("<SimpleSource SourceBand='mask,+03'>")]
    #[case("<SourceBand><![CDATA[mask,4]]></SourceBand>")]
    #[case("<SourceBand>m&#97;sk,&#x32;</SourceBand>")]
    fn the_mask_of_another_band_is_found(#[case] text: &str) {
        assert!(asks_for_other_masks(text.as_bytes()), "{text}");
    }

    #[rstest]
    #[case("<SourceBand>mask</SourceBand><SourceBand>2</SourceBand>")]
    #[case("<SourceBand>mask,1</SourceBand>")]
    #[case("<SourceBand>mask,&#49;</SourceBand>")]
    #[case("<Description>clouds &amp; mask, 2020</Description>")]
    #[case("<SourceFilename>sea-mask,2.tif</SourceFilename>")]
    #[case("<SourceBand>mask,")]
    fn the_first_one_and_other_words_are_not(#[case] text: &str) {
        assert!(!asks_for_other_masks(text.as_bytes()), "{text}");
    }

    #[test]
    fn sources_are_shared_in_either_quotes() {
        let mut text = br#"<a shared="0"/><b shared='0'/><c shared="1"/>"#.to_vec();
        share_sources(&mut text);
        assert_eq!(text, br#"<a shared="1"/><b shared='1'/><c shared="1"/>"#);
    }
}
