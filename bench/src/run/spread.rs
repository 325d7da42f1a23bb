//! Median and spread of a handful of rounds.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// `None` for no samples. An even count takes the mean of the two in the middle.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            (*sorted.get(middle.checked_sub(1)?)? + sorted[middle]) / 2.0
        };
        Some(Self {
            median,
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(samples: &[f64]) -> Option<(f64, f64, f64)> {
        Spread::of(samples).map(|spread| (spread.median, spread.min, spread.max))
    }

    #[test]
    fn the_median_does_not_depend_on_order_or_outliers() {
        assert_eq!(spread(&[3.0, 1.0, 900.0]), Some((3.0, 1.0, 900.0)));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), Some((2.5, 1.0, 4.0)));
        assert_eq!(spread(&[7.0]), Some((7.0, 7.0, 7.0)));
        assert_eq!(spread(&[]), None);
    }
}
