//! Why rows fail, for programs: a code, the field, and words that hold no value, so that equal faults of many rows are one
//! cause. [`tally`] counts them where rows fail, a part of a chunk at a time; [`store`] keeps the counts beside the part's
//! failed rows, in its transaction, so that they are true at every moment.

pub mod model;
pub mod store;
pub mod tally;

use crate::records::value::ValueFault;

macro_rules! row_codes {
    ($($code:ident $name:literal $message:literal $advice:literal;)*) => {
        /// A kind of row error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum RowCode { $(#[doc = $message] $code),* }

        impl RowCode {
            /// The public name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$code => $name),* }
            }

            /// What is wrong, where nothing more precise is known.
            const fn message(self) -> &'static str {
                match self { $(Self::$code => $message),* }
            }
        }
    };
}

row_codes! {
    UnterminatedQuote "unterminated_quote" "a quote is never closed" "Close the quote, or double those that stand within a cell.";
    CellTooLong "cell_too_long" "a cell is over the limit of bytes" "Shorten it; a cell has at most 1 MiB.";
    RowTooLong "row_too_long" "the row is over the limit of bytes" "Shorten its cells (imports.max_record_bytes).";
    TooFewCells "too_few_cells" "the row has fewer cells than the header" "Check that line breaks and delimiters within cells are quoted.";
    TooManyCells "too_many_cells" "the row has more cells than the header" "Check that delimiters within cells are quoted.";
    Nul "nul_character" "a cell holds a NUL character" "Remove it.";
    EncodingInvalid "encoding_invalid" "a cell holds bytes that are not the file's encoding" "Name the encoding by `encoding=`, or mend the cell.";
    TooLong "value_too_long" "the value is too long" "Shorten it to what the column guide says.";
    Unseen "unseen_character" "the value holds a character that cannot be seen" "Remove it, or type the value again.";
    EmailInvalid "email_invalid" "the value is not an email address" "Mend it, or leave the cell blank.";
    DomainInvalid "domain_invalid" "the value is not a domain" "Mend it, or leave the cell blank.";
    NumberInvalid "number_invalid" "the value is not a number that the field takes" "Mend it, or leave the cell blank.";
    NumberAmbiguous "number_ambiguous" "the number can be read in two ways" "Name the decimal sign by `decimal=`.";
    CurrencyInvalid "currency_invalid" "the value is not a currency code" "Use a code of ISO 4217, such as EUR.";
    ChoiceInvalid "choice_invalid" "the value is not one of the field's words" "Use one of the words that the message names.";
    BooleanInvalid "boolean_invalid" "the value is neither true nor false" "Use true or false.";
    DateInvalid "date_invalid" "the value is not a date" "Use a date such as 2025-12-31.";
    DateAmbiguous "date_ambiguous" "day and month can be mixed up" "Name the order by `date_order=dmy` or `mdy`.";
    Incomplete "required_missing" "the record lacks what it needs" "Fill in the field that is needed.";
    KeyNotGiven "row_key_missing" "no key is given to find the record by" "Fill in a key field; mode=update finds records by it.";
    NotFound "record_not_found" "no record with this key exists" "mode=upsert creates it.";
    Exists "record_exists" "a record with this key exists already" "mode=upsert updates it.";
    KeysContradict "keys_contradict" "the keys are those of two records" "Mend one of the keys, or name the one that counts by `match=`.";
    KeyTaken "key_taken" "another record has this key" "Mend the key, or merge the records first.";
    ExtraTooLarge "extra_too_large" "the record's extra would be too large" "Leave columns out by `mapping=`.";
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cause {
    code: RowCode,
    /// The field at fault, if it is one.
    pub field: Option<&'static str>,
    detail: Detail,
}

/// What is known beyond the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Detail {
    None,
    Value(ValueFault),
    /// What every record of the object needs.
    Needs(&'static str),
}

impl Cause {
    /// A row that is wrong as a whole.
    pub const fn of_row(code: RowCode) -> Self {
        Self {
            code,
            field: None,
            detail: Detail::None,
        }
    }

    /// The same, where one field is meant.
    pub const fn of_field(code: RowCode, field: Option<&'static str>) -> Self {
        Self {
            field,
            ..Self::of_row(code)
        }
    }

    /// A value that its field does not take.
    pub const fn of_value(field: &'static str, fault: ValueFault) -> Self {
        Self {
            code: code_of(fault),
            field: Some(field),
            detail: Detail::Value(fault),
        }
    }

    /// A row without what a new record needs.
    pub const fn incomplete(needs_words: &'static str) -> Self {
        Self {
            detail: Detail::Needs(needs_words),
            ..Self::of_row(RowCode::Incomplete)
        }
    }

    /// The public name of its kind.
    pub const fn code(&self) -> &'static str {
        self.code.name()
    }

    /// What is wrong, in words that hold no value.
    pub fn message(&self) -> String {
        match self.detail {
            Detail::None => self.code.message().to_owned(),
            Detail::Value(fault) => format!("the value {fault}"),
            Detail::Needs(words) => format!("{}: {words}", self.code.message()),
        }
    }
}

const fn code_of(fault: ValueFault) -> RowCode {
    match fault {
        ValueFault::TooManyChars { .. } | ValueFault::TooManyBytes { .. } => RowCode::TooLong,
        ValueFault::Nul => RowCode::Nul,
        ValueFault::Unseen => RowCode::Unseen,
        ValueFault::NotEmail => RowCode::EmailInvalid,
        ValueFault::NotDomain | ValueFault::SharedHost => RowCode::DomainInvalid,
        ValueFault::NotNumber | ValueFault::NotWhole | ValueFault::TooLarge | ValueFault::TooPrecise => {
            RowCode::NumberInvalid
        }
        ValueFault::UnclearSigns | ValueFault::UnclearThousands => RowCode::NumberAmbiguous,
        ValueFault::NotCurrency => RowCode::CurrencyInvalid,
        ValueFault::NotChoice(_) => RowCode::ChoiceInvalid,
        ValueFault::NotBoolean => RowCode::BooleanInvalid,
        ValueFault::NotDate | ValueFault::NoSuchDay | ValueFault::ShortYear => RowCode::DateInvalid,
        ValueFault::UnclearDate => RowCode::DateAmbiguous,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_faults_are_one_cause_and_its_words_hold_no_value() {
        let cause = Cause::of_value("email", ValueFault::NotEmail);
        assert_eq!(cause, Cause::of_value("email", ValueFault::NotEmail));
        assert_ne!(cause, Cause::of_value("contact_email", ValueFault::NotEmail));
        assert_eq!(
            (cause.code(), cause.message().as_str()),
            ("email_invalid", "the value is not an email address")
        );
        let lacks = Cause::incomplete("a name");
        assert_eq!(lacks.message(), "the record lacks what it needs: a name");
        assert_eq!(Cause::of_row(RowCode::TooFewCells).field, None);
    }
}
