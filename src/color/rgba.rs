//! One colour: its type, and the two ways JSON spells it.

use serde_json::Value;

/// Red, green, blue and straight (not premultiplied) alpha, 0..=255 each.
pub type Rgba = [u8; 4];

/// The colour of no data, and of values that a map doesn't have.
pub const TRANSPARENT: Rgba = [0, 0, 0, 0];

/// Why a JSON value is not a colour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColorError {
    /// A string that isn't `#rgb`, `#rgba`, `#rrggbb` or `#rrggbbaa`.
    #[error("`{found}` is not a colour: write # and 3, 4, 6 or 8 hex digits")]
    Hex {
        /// The string, shortened.
        found: String,
    },
    /// A list that isn't three or four numbers long.
    #[error("a colour has 3 or 4 numbers, not {found}")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// A part of a list that isn't a whole number from 0 to 255.
    #[error("`{found}` in a colour is not a whole number from 0 to 255")]
    Component {
        /// The part, shortened.
        found: String,
    },
    /// Neither a string nor a list.
    #[error("`{found}` is not a colour: write \"#rrggbb\", \"#rrggbbaa\", [r, g, b] or [r, g, b, a]")]
    Type {
        /// The value, shortened.
        found: String,
    },
}

/// Reads `"#rrggbb"` (also 3, 4 or 8 digits, any case) or `[r, g, b]` (also with alpha).
pub(super) fn parse(value: &Value) -> Result<Rgba, ColorError> {
    match value {
        Value::String(text) => from_hex(text).ok_or_else(|| ColorError::Hex { found: excerpt(text) }),
        Value::Array(parts) => from_parts(parts),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            Err(ColorError::Type { found: excerpt(&value.to_string()) })
        }
    }
}

fn from_hex(text: &str) -> Option<Rgba> {
    let digits: Vec<u8> = text
        .strip_prefix('#')?
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    match *digits {
        [r, g, b] => Some([r * 17, g * 17, b * 17, 255]),
        [r, g, b, a] => Some([r * 17, g * 17, b * 17, a * 17]),
        [r, r2, g, g2, b, b2] => Some([r * 16 + r2, g * 16 + g2, b * 16 + b2, 255]),
        [r, r2, g, g2, b, b2, a, a2] => Some([r * 16 + r2, g * 16 + g2, b * 16 + b2, a * 16 + a2]),
        _ => None,
    }
}

fn from_parts(parts: &[Value]) -> Result<Rgba, ColorError> {
    let part = |part: &Value| {
        let byte = part.as_u64().and_then(|number| u8::try_from(number).ok());
        byte.ok_or_else(|| ColorError::Component { found: excerpt(&part.to_string()) })
    };
    match parts {
        [r, g, b] => Ok([part(r)?, part(g)?, part(b)?, 255]),
        [r, g, b, a] => Ok([part(r)?, part(g)?, part(b)?, part(a)?]),
        _ => Err(ColorError::Length { found: parts.len() }),
    }
}

/// Enough of what a user wrote to recognise it in a message.
pub(super) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
