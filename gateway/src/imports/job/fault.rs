//! The faults that end the reading of a file, and the pieces in which it is read until then.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

use crate::http::problem::{Code, FieldFault, Problem, sentence};

/// A body that decompresses to more than this many times its size is taken for a bomb, once it is large.
pub const MAX_RATIO: u64 = 300;
/// A form's file begins within so many bytes, and at most as many follow it.
pub const MAX_BESIDE_BYTES: usize = 64 * 1024;

/// Why a file cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceFault {
    #[error("for too long nothing arrived, or too little")]
    Silent,
    #[error("the upload broke off before its end")]
    BrokeOff,
    #[error("the body is not valid {0}, or it was cut")]
    Corrupt(&'static str),
    #[error("the file is over the limit of {0} bytes (imports.max_bytes)")]
    TooLarge(u64),
    #[error("the body inflates to more than {MAX_RATIO} times its size")]
    Bomb,
    #[error("the form was cut: its last boundary is missing")]
    FormCut,
    #[error("a form needs one part named `file`, which begins within its first {MAX_BESIDE_BYTES} bytes")]
    NoFile,
    #[error("the headers of a part, or what follows the form, are too long")]
    FormUnreadable,
    #[error("a form holds one file")]
    SecondFile,
    #[error("is a field behind the file; fields must come before it")]
    LateField(String),
    #[error("is a field whose value is not UTF-8")]
    FieldNotText(String),
    #[error("the file has a Content-Transfer-Encoding; send its bytes as they are")]
    FileEncoded,
    #[error("the body is over the limit of {0} bytes for one that is kept (imports.keep_max_bytes)")]
    TooLargeToKeep(u64),
    #[error("the database was away while the upload was to be kept")]
    NotKept,
    #[error("the database was away while the kept upload was read")]
    NotRead,
    #[error("the kept upload is gone")]
    FileGone,
}

impl SourceFault {
    /// The code in the job's `error`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Silent => "upload_stalled",
            Self::BrokeOff | Self::FormCut => "upload_cut",
            Self::Corrupt(_) => "body_corrupt",
            Self::TooLarge(_) | Self::Bomb | Self::TooLargeToKeep(_) => "too_large",
            Self::NotKept | Self::NotRead => "database_away",
            Self::FileGone => "file_gone",
            Self::NoFile
            | Self::FormUnreadable
            | Self::SecondFile
            | Self::LateField(_)
            | Self::FieldNotText(_)
            | Self::FileEncoded => "form_invalid",
        }
    }

    /// Whether the client asked for what is not done: a 422 for a form, a 413 for what is too large to keep, whenever it is
    /// noticed.
    pub fn refuses(&self) -> bool {
        self.code() == "form_invalid" || matches!(self, Self::TooLargeToKeep(_))
    }

    /// The reply where there is no job yet.
    pub fn problem(&self) -> Problem {
        let code = match self {
            Self::Silent => Code::BodyTimeout,
            Self::BrokeOff | Self::FormCut => Code::BadRequest,
            Self::Corrupt(_) => Code::FileRefused,
            Self::TooLarge(_) | Self::Bomb | Self::TooLargeToKeep(_) => Code::TooLarge,
            Self::NotKept | Self::NotRead => Code::Unavailable,
            Self::FileGone => Code::FileGone,
            Self::NoFile => return self.form_problem("file", "required"),
            Self::SecondFile => return self.form_problem("file", "duplicate"),
            Self::FormUnreadable | Self::FileEncoded => return self.form_problem("file", "invalid"),
            Self::LateField(name) => return self.form_problem(name, "late_field"),
            Self::FieldNotText(name) => return self.form_problem(name, "invalid"),
        };
        Problem::new(code, sentence(self)).closing()
    }

    fn form_problem(&self, field: &str, code: &'static str) -> Problem {
        let shown: String = field.chars().take(100).collect();
        Problem::invalid(vec![FieldFault {
            location: format!("body.{shown}"),
            code,
            message: self.to_string(),
        }])
        .closing()
    }
}

/// What a file comes in.
pub type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, SourceFault>> + Send>>;
