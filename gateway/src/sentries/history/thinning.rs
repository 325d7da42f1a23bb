//! A series of at most 500 points, however many it is given: beyond that the first, last, lowest and highest of each
//! bucket of time stay. It needs no more memory than it gives.

use crate::base::clock::Millis;

const MAX_POINTS: usize = 500;
/// Each keeps up to four.
const BUCKETS: usize = MAX_POINTS / 4;

/// One point: when, how high, and what is shown of it.
#[derive(Debug, Clone)]
pub struct Sample<T> {
    pub at: Millis,
    pub height: f64,
    pub shown: T,
}

#[derive(Debug, Clone)]
struct Bucket<T> {
    first: Sample<T>,
    last: Sample<T>,
    lowest: Sample<T>,
    highest: Sample<T>,
}

/// A series that is being read, oldest point first.
#[derive(Debug)]
pub struct Thinning<T> {
    from: Millis,
    to: Millis,
    whole: Vec<Sample<T>>,
    buckets: Vec<Option<Bucket<T>>>,
}

impl<T: Clone> Thinning<T> {
    /// An empty series between two moments.
    pub const fn new(from: Millis, to: Millis) -> Self {
        Self {
            from,
            to,
            whole: Vec::new(),
            buckets: Vec::new(),
        }
    }

    /// Adds a point.
    pub fn push(&mut self, sample: Sample<T>) {
        if self.buckets.is_empty() {
            self.whole.push(sample);
            if self.whole.len() > MAX_POINTS {
                self.buckets = vec![None; BUCKETS];
                for sample in std::mem::take(&mut self.whole) {
                    self.put(sample);
                }
            }
        } else {
            self.put(sample);
        }
    }

    fn put(&mut self, sample: Sample<T>) {
        let width = ((self.to.0 - self.from.0) / BUCKETS as i64).max(1);
        let at = usize::try_from((sample.at.0 - self.from.0) / width).unwrap_or(0);
        match &mut self.buckets[at.min(BUCKETS - 1)] {
            Some(bucket) => {
                if sample.height < bucket.lowest.height {
                    bucket.lowest = sample.clone();
                }
                if sample.height > bucket.highest.height {
                    bucket.highest = sample.clone();
                }
                bucket.last = sample;
            }
            empty => {
                *empty = Some(Bucket {
                    first: sample.clone(),
                    last: sample.clone(),
                    lowest: sample.clone(),
                    highest: sample,
                });
            }
        }
    }

    /// What stays, oldest first.
    pub fn finish(self) -> Vec<Sample<T>> {
        if self.buckets.is_empty() {
            return self.whole;
        }
        let mut kept: Vec<Sample<T>> = Vec::with_capacity(MAX_POINTS);
        for bucket in self.buckets.into_iter().flatten() {
            let mut four = [bucket.first, bucket.lowest, bucket.highest, bucket.last];
            four.sort_by_key(|sample| sample.at);
            for sample in four {
                // Entries of one sentry have different times, but two may share a millisecond.
                let is_same = |last: &Sample<T>| last.at == sample.at && last.height == sample.height;
                if !kept.last().is_some_and(is_same) {
                    kept.push(sample);
                }
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_points_stay_and_of_many_the_extremes() {
        let mut few = Thinning::new(Millis(0), Millis(1_000_000));
        let mut many = Thinning::new(Millis(0), Millis(1_000_000));
        for number in 0..100_000_i64 {
            let height = match number {
                500 => -7.0,
                99_000 => 1e9,
                _ => (number % 10) as f64,
            };
            let sample = Sample {
                at: Millis(number * 10),
                height,
                shown: (),
            };
            if number < 500 {
                few.push(sample.clone());
            }
            many.push(sample);
        }
        assert_eq!(few.finish().len(), 500);
        let many = many.finish();
        assert!(many.len() <= 500, "{}", many.len());
        assert_eq!(
            (many[0].at, many[many.len() - 1].at),
            (Millis(0), Millis(999_990))
        );
        assert!(many.iter().any(|sample| sample.height == -7.0));
        assert!(many.iter().any(|sample| sample.height == 1e9));
        assert!(many.is_sorted_by_key(|sample| sample.at));
    }
}
