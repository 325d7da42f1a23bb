//! What is wrong with a form, for the box above it and for each field.

use crate::http::problem::{Code, Problem};

/// The faults of a form.
pub struct Alert {
    pub faults: Vec<Fault>,
    /// What is wrong with the whole, if it is no field.
    pub detail: Option<String>,
    pub code: &'static str,
    pub status: http::StatusCode,
}

/// One fault.
pub struct Fault {
    /// The field's name and id; empty if it has none on this form.
    pub field: &'static str,
    pub label: &'static str,
    pub message: String,
}

impl Alert {
    /// What a form shows of a problem; one that no change of the form would mend is handed back. `fields` are the API's names of
    /// the fields, which are those of the form, and their labels.
    pub fn of(problem: Problem, fields: &[(&'static str, &'static str)]) -> Result<Self, Problem> {
        let is_mendable = problem.status().as_u16() == 422 || problem.code() == Code::ScopeMissing;
        if !is_mendable {
            return Err(problem);
        }
        let faults: Vec<Fault> = problem
            .faults()
            .iter()
            .map(|fault| {
                let place = fault
                    .location
                    .trim_start_matches("body.")
                    .trim_start_matches("query.");
                let name = place.split(['[', '.']).next().unwrap_or_default();
                let known = fields.iter().find(|(field, _)| *field == name);
                let (field, label) = known.copied().unwrap_or(("", ""));
                let message = match label {
                    "" => format!("{}: {}", fault.location, fault.message),
                    _ => fault.message.clone(),
                };
                Fault {
                    field,
                    label,
                    message,
                }
            })
            .collect();
        Ok(Self {
            detail: faults.is_empty().then(|| problem.detail().to_owned()),
            faults,
            code: problem.code().name(),
            status: problem.status(),
        })
    }

    /// An alert about one field.
    pub fn about(field: &'static str, label: &'static str, problem: &Problem) -> Self {
        Self {
            faults: vec![Fault {
                field,
                label,
                message: problem.detail().to_owned(),
            }],
            detail: None,
            code: problem.code().name(),
            status: problem.status(),
        }
    }
}

/// What is wrong with a field, if anything.
pub fn fault_of<'a>(alert: &'a Option<Alert>, field: &str) -> Option<&'a str> {
    let alert = alert.as_ref()?;
    let fault = alert.faults.iter().find(|fault| fault.field == field);
    fault.map(|fault| fault.message.as_str())
}
