//! Chunks that run on other machines: how their requests and results travel, and what becomes of their errors.
//!
//! JSON, compressed, in an envelope that says its version in the clear. What comes back is the whole result or why there is
//! none, told so that whoever asked can answer as if the chunk had run there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ZonalError;
use super::extract::ExtractError;
use super::reduce::Partial;
use super::request::{ChunkRequest, VERSION};
use super::stats::StatsError;
use crate::raster::RasterError;
use crate::storage::StorageError;

/// The fastest level: an instance has better things to do.
const ZSTD_LEVEL: i32 = 1;

/// What an envelope may hold, unpacked: a million values, or the regions of a chunk of noise.
const MOST_BYTES: usize = 256 << 20;

/// What an invocation of Lambda can carry, each way ("Lambda quotas": 6 MB, of which 4 MiB and a half are left for what is
/// base64).
pub const MOST_CARRIED_BYTES: usize = 6_291_556;

/// A request or a result on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// [`VERSION`] of the sender.
    version: u32,
    /// JSON, compressed by ZSTD, in base64.
    packed: String,
}

/// What a chunk came to elsewhere.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Done(Box<Partial>),
    Failed(Failure),
}

/// Why there is no result.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Failure {
    Stats(StatsError),
    Extract(ExtractError),
    Changed { layer: String },
    TooManySources { layer: String, touched: usize, most: usize },
    Unavailable { layer: String, reason: String },
    Unreadable { layer: String, reason: String },
    TooLong { bytes: usize, most: usize },
    Late { reason: String },
    Other { reason: String },
}

impl Envelope {
    /// A request.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn request(request: &ChunkRequest) -> Result<Self, ZonalError> {
        packed(request)
    }

    /// What a chunk came to; where that can't be carried, as an error.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn outcome(result: Result<Partial, ZonalError>) -> Result<Self, ZonalError> {
        let outcome = packed(&match result {
            Ok(partial) => Outcome::Done(Box::new(partial)),
            Err(error) => Outcome::Failed(error.into()),
        })?;
        if outcome.can_be_carried() {
            return Ok(outcome);
        }
        let error = ZonalError::TooLong { bytes: outcome.packed.len(), most: MOST_CARRIED_BYTES };
        packed(&Outcome::Failed(error.into()))
    }

    /// Whether an invocation can carry it.
    #[must_use]
    pub fn can_be_carried(&self) -> bool {
        /// `{"version":1,"packed":""}`
        const AROUND_IT: usize = 64;
        self.packed.len() + AROUND_IT <= MOST_CARRIED_BYTES
    }

    /// The request that it holds.
    ///
    /// # Errors
    /// When it is of another version, or damaged.
    pub fn open_request(self) -> Result<ChunkRequest, ZonalError> {
        self.unpacked()
    }

    /// The result that it holds.
    ///
    /// # Errors
    /// When the chunk had none; when it is of another version, or damaged.
    pub fn open_outcome(self) -> Result<Partial, ZonalError> {
        match self.unpacked()? {
            Outcome::Done(partial) => Ok(*partial),
            Outcome::Failed(failure) => Err(failure.into()),
        }
    }

    fn unpacked<T: DeserializeOwned>(self) -> Result<T, ZonalError> {
        if self.version != VERSION {
            return Err(ZonalError::Version { asked: self.version, known: VERSION });
        }
        let compressed = BASE64.decode(self.packed).map_err(|error| damaged(&error))?;
        let size = zstd_safe::get_frame_content_size(&compressed).map_err(|error| damaged(&error))?;
        let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= MOST_BYTES);
        let mut json = vec![0; size.ok_or_else(|| damaged(&"of no size, or too large"))?];
        let code = |code| damaged(&zstd_safe::get_error_name(code));
        let length = zstd_safe::decompress(json.as_mut_slice(), &compressed).map_err(code)?;
        serde_json::from_slice(&json[..length]).map_err(|error| damaged(&error))
    }
}

fn packed(value: &impl Serialize) -> Result<Envelope, ZonalError> {
    let json = serde_json::to_vec(value).map_err(|error| damaged(&error))?;
    let mut compressed = vec![0; zstd_safe::compress_bound(json.len())];
    let length = zstd_safe::compress(compressed.as_mut_slice(), &json, ZSTD_LEVEL)
        .map_err(|code| damaged(&zstd_safe::get_error_name(code)))?;
    Ok(Envelope { version: VERSION, packed: BASE64.encode(&compressed[..length]) })
}

fn damaged(reason: &dyn std::fmt::Display) -> ZonalError {
    ZonalError::Chunk { reason: format!("its envelope is damaged: {reason}") }
}

impl From<ZonalError> for Failure {
    fn from(error: ZonalError) -> Self {
        match error {
            ZonalError::Stats(error) => Self::Stats(error),
            ZonalError::Extract(error) => Self::Extract(error),
            ZonalError::Changed { layer } => Self::Changed { layer },
            ZonalError::Raster { layer, cause } => match cause {
                RasterError::Storage { error: StorageError::Changed { .. }, .. } => Self::Changed { layer },
                RasterError::Storage { error: StorageError::Unavailable { .. }, .. } => {
                    Self::Unavailable { layer, reason: cause.to_string() }
                }
                RasterError::TooManySources { touched, most, .. } => Self::TooManySources { layer, touched, most },
                cause => Self::Unreadable { layer, reason: cause.to_string() },
            },
            ZonalError::TooLong { bytes, most } => Self::TooLong { bytes, most },
            ZonalError::Late { reason } => Self::Late { reason },
            other => Self::Other { reason: other.to_string() },
        }
    }
}

impl From<Failure> for ZonalError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Stats(error) => Self::Stats(error),
            Failure::Extract(error) => Self::Extract(error),
            Failure::Changed { layer } => Self::Changed { layer },
            Failure::TooManySources { layer, touched, most } => {
                let cause = RasterError::TooManySources { origin: layer.clone(), touched, most };
                Self::Raster { layer, cause }
            }
            Failure::Unavailable { layer, reason } => {
                let error = StorageError::Unavailable { what: layer.clone(), reason };
                Self::Raster { cause: RasterError::Storage { origin: layer.clone(), error }, layer }
            }
            Failure::Unreadable { layer, reason } => {
                Self::Raster { cause: RasterError::Read { origin: layer.clone(), reason }, layer }
            }
            Failure::TooLong { bytes, most } => Self::TooLong { bytes, most },
            Failure::Late { reason } => Self::Late { reason },
            Failure::Other { reason } => Self::Chunk { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::DataType;
    use crate::zonal::reduce::Reduction;
    use rstest::rstest;

    fn travelled(result: Result<Partial, ZonalError>) -> Result<Partial, ZonalError> {
        let sent = serde_json::to_string(&Envelope::outcome(result).unwrap()).unwrap();
        serde_json::from_str::<Envelope>(&sent).unwrap().open_outcome()
    }

    #[test]
    fn a_result_arrives_as_it_was() {
        let partial = Reduction::Counts { limit: 5 }.nothing(&[DataType::I16]);
        let arrived = travelled(Ok(partial.clone())).unwrap();
        assert_eq!(serde_json::to_value(arrived).unwrap(), serde_json::to_value(partial).unwrap());
    }

    #[rstest]
    #[case(ZonalError::Stats(StatsError::TooManyValues { limit: 7 }))]
    #[case(ZonalError::Extract(ExtractError::TooManyRegions { found: 9, limit: 8 }))]
    #[case(ZonalError::Changed { layer: "a".to_owned() })]
    #[case(ZonalError::Raster { layer: "a".to_owned(), cause: RasterError::TooManySources { origin: "a".to_owned(), touched: 3, most: 2 } })]
    #[case(ZonalError::TooLong { bytes: 7, most: 6 })]
    #[case(ZonalError::Late { reason: "later".to_owned() })]
    fn an_error_arrives_as_it_was(#[case] error: ZonalError) {
        let text = format!("{error:?}");
        assert_eq!(format!("{:?}", travelled(Err(error)).unwrap_err()), text);
    }

    /// Of text whose letters are six bits each, packed or in base64.
    #[rstest]
    #[case::nearly_too_long(6_150_000, true)]
    #[case::too_long(6_450_000, false)]
    fn what_cannot_be_carried_is_an_error_of_its_own(#[case] letters: usize, #[case] fits: bool) {
        let mut random = fastrand::Rng::with_seed(1);
        let reason: String = (0..letters)
            .map(|_| char::from(b'?' + random.u8(..64)))
            .map(|letter| if letter == '\\' { '!' } else { letter })
            .collect();
        let envelope = Envelope::outcome(Err(ZonalError::Chunk { reason })).unwrap();
        assert!(serde_json::to_vec(&envelope).unwrap().len() <= MOST_CARRIED_BYTES);
        let arrived = envelope.open_outcome().unwrap_err();
        assert_eq!(matches!(arrived, ZonalError::Chunk { .. }), fits);
        assert_eq!(matches!(arrived, ZonalError::TooLong { .. }), !fits);
    }

    #[test]
    fn a_store_that_does_not_answer_is_told_from_one_that_refuses() {
        let failed = |error| {
            let cause = RasterError::Storage { origin: "s3://b/k".to_owned(), error };
            travelled(Err(ZonalError::Raster { layer: "a".to_owned(), cause })).unwrap_err()
        };
        let what = || "s3://b/k".to_owned();
        let unavailable = failed(StorageError::Unavailable { what: what(), reason: "503".to_owned() });
        let ZonalError::Raster { cause: RasterError::Storage { error, .. }, .. } = unavailable else {
            panic!("{unavailable:?}")
        };
        assert!(matches!(error, StorageError::Unavailable { .. }));
        let refused = failed(StorageError::Unreadable { what: what(), reason: "403".to_owned() });
        assert!(matches!(refused, ZonalError::Raster { cause: RasterError::Read { .. }, .. }), "{refused:?}");
    }

    #[rstest]
    #[case("")]
    #[case("no base64!")]
    #[case("aGVsbG8=")]
    fn a_damaged_envelope_is_an_error(#[case] packed: &str) {
        let envelope = Envelope { version: VERSION, packed: packed.to_owned() };
        assert!(matches!(envelope.open_outcome(), Err(ZonalError::Chunk { .. })));
    }

    #[test]
    fn another_version_is_not_looked_at() {
        let envelope = Envelope { version: VERSION + 1, packed: String::new() };
        assert!(matches!(envelope.open_request(), Err(ZonalError::Version { .. })));
    }
}
