//! What is measured, and what it is measured against.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The samples of a run, by what they are of; one for each round, of latencies many.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<&'static str, Vec<f64>>);

/// A line of the table.
pub(crate) struct Row {
    /// Whose samples.
    pub(crate) key: &'static str,
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    /// Which of the samples counts.
    statistic: Statistic,
    /// What it is compared with, sample by sample.
    base: Option<&'static str>,
    goal: Option<Goal>,
}

/// Which sample of all.
#[derive(Debug, Clone, Copy)]
enum Statistic {
    Median,
    P99,
    Most,
}

impl Statistic {
    fn word(self) -> &'static str {
        match self {
            Self::Median => "median",
            Self::P99 => "p99",
            Self::Most => "most",
        }
    }
}

/// What ought to be reached, by the ratio if there is one, else by the figure itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    Below(f64),
}

/// A row with its figures.
pub(crate) struct Found {
    pub(crate) row: &'static Row,
    /// The figure, the least and the most of its samples.
    pub(crate) figure: Spread,
    /// The same of the ratio to what it is compared with.
    pub(crate) ratio: Option<Spread>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) value: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

const RATE: &str = "profiles/s";

/// All rows, in the order in which they are read.
pub(crate) const ROWS: &[Row] = &[
    Row { what: "the limit: one connection that copies the final rows", ..Row::rate("limit", None) },
    Row { what: "create", goal: Some(Goal::AtLeast(1.0)), ..Row::rate("create", Some("limit")) },
    Row {
        what: "update, by records of two fields",
        goal: Some(Goal::AtLeast(0.8)),
        ..Row::rate("update", Some("limit"))
    },
    Row {
        what: "update, two fields of whole records",
        goal: Some(Goal::AtLeast(0.8)),
        ..Row::rate("update_whole", Some("limit"))
    },
    Row { what: "unchanged", goal: Some(Goal::AtLeast(1.5)), ..Row::rate("unchanged", Some("limit")) },
    Row { what: "accept: read and pack alone", unit: "records/s of CPU", ..Row::rate("accept_alone", None) },
    Row {
        what: "accept: the gateway",
        unit: "records/s of CPU",
        goal: Some(Goal::AtLeast(0.5)),
        ..Row::rate("accept", Some("accept_alone"))
    },
    Row {
        what: "small: 1,000 requests of 10, 16 clients",
        goal: Some(Goal::AtLeast(0.4)),
        ..Row::rate("small", Some("create"))
    },
    Row {
        what: "small: the same, of 1,000 people again and again",
        ..Row::rate("small_same", Some("small"))
    },
    Row { what: "two workers", goal: Some(Goal::AtLeast(1.0)), ..Row::rate("two_workers", Some("create")) },
    Row { what: "create, matched by email", ..Row::rate("email", None) },
    Row {
        what: "create, matched by phone",
        goal: Some(Goal::AtLeast(0.7)),
        ..Row::rate("phone", Some("email"))
    },
    Row {
        what: "create, matched by custom",
        goal: Some(Goal::AtLeast(0.7)),
        ..Row::rate("custom", Some("email"))
    },
    Row {
        what: "create, matched by email_phone",
        goal: Some(Goal::AtLeast(0.7)),
        ..Row::rate("email_phone", Some("email"))
    },
    Row {
        what: "create, matched by email_sub",
        goal: Some(Goal::AtLeast(0.7)),
        ..Row::rate("email_sub", Some("email"))
    },
    Row { what: "create beside few profiles", ..Row::rate("create_few", None) },
    Row {
        what: "create beside many profiles",
        goal: Some(Goal::AtLeast(0.85)),
        ..Row::rate("create_many", Some("create_few"))
    },
    Row { what: "update anywhere among few profiles", ..Row::rate("update_few", None) },
    Row {
        what: "update anywhere among many profiles",
        goal: Some(Goal::AtLeast(0.85)),
        ..Row::rate("update_many", Some("update_few"))
    },
    Row { what: "latency of 10,000 records, p50", ..Row::latency("latency", Statistic::Median, None) },
    Row {
        what: "latency of 10,000 records, p99",
        ..Row::latency("latency", Statistic::P99, Some(Goal::Below(1500.0)))
    },
    Row { what: "latency of 10 records, p50", ..Row::latency("latency_small", Statistic::Median, None) },
    Row {
        what: "latency of 10 records, p99",
        ..Row::latency("latency_small", Statistic::P99, Some(Goal::Below(60.0)))
    },
    Row {
        what: "latency of 10 records beside a large import of another account, p99",
        ..Row::latency("latency_beside", Statistic::P99, Some(Goal::Below(5000.0)))
    },
    Row { what: "memory of the gateway, peak", ..Row::memory("gateway_memory") },
    Row { what: "memory of the worker, peak", ..Row::memory("worker_memory") },
];

impl Row {
    /// What it is compared with.
    pub(crate) fn base(&self) -> Option<&'static str> {
        self.base
    }

    const fn rate(key: &'static str, base: Option<&'static str>) -> Self {
        Self { key, what: "", unit: RATE, statistic: Statistic::Median, base, goal: None }
    }

    const fn latency(key: &'static str, statistic: Statistic, goal: Option<Goal>) -> Self {
        Self { key, what: "", unit: "ms", statistic, base: None, goal }
    }

    const fn memory(key: &'static str) -> Self {
        let (statistic, goal) = (Statistic::Most, Some(Goal::Below(150.0)));
        Self { key, what: "", unit: "MB", statistic, base: None, goal }
    }
}

impl Figures {
    pub(crate) fn add(&mut self, key: &'static str, sample: f64) {
        self.0.entry(key).or_default().push(sample);
    }

    /// The rows of which there are figures.
    pub(crate) fn rows(&self) -> Vec<Found> {
        ROWS.iter().filter_map(|row| self.row(row)).collect()
    }

    fn row(&self, row: &'static Row) -> Option<Found> {
        let samples = self.0.get(row.key)?;
        let bases = row.base.and_then(|base| self.0.get(base));
        let ratio = bases.map(|bases| {
            let ratios: Vec<f64> = samples.iter().zip(bases).map(|(sample, base)| sample / base).collect();
            Spread::of(&ratios, row.statistic)
        });
        Some(Found { row, figure: Spread::of(samples, row.statistic), ratio })
    }
}

impl Spread {
    fn of(samples: &[f64], statistic: Statistic) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |percent: usize| {
            let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(index).copied().unwrap_or(f64::NAN)
        };
        let percent = match statistic {
            Statistic::Median => 50,
            Statistic::P99 => 99,
            Statistic::Most => 100,
        };
        Self { value: at(percent), least: at(0), most: at(100) }
    }
}

impl Found {
    /// Whether the goal is reached, if there is one and it was measured.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        let value = if self.row.base.is_some() { self.ratio? } else { self.figure }.value;
        self.row.goal.map(|goal| match goal {
            Goal::AtLeast(least) => value >= least,
            Goal::Below(most) => value < most,
        })
    }

    pub(crate) fn goal(&self) -> Option<Goal> {
        self.row.goal
    }

    pub(crate) fn json(&self) -> Value {
        let spread =
            |spread: Spread| json!({"value": spread.value, "least": spread.least, "most": spread.most});
        let goal = self.row.goal.map(|goal| match goal {
            Goal::AtLeast(least) => json!({"at_least": least}),
            Goal::Below(most) => json!({"below": most}),
        });
        json!({
            "key": self.row.key, "what": self.row.what, "unit": self.row.unit,
            "statistic": self.row.statistic.word(), "figure": spread(self.figure),
            "base": self.row.base, "ratio": self.ratio.map(spread), "goal": goal, "reached": self.is_reached(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(figures: &Figures, key: &str) -> Found {
        figures.rows().into_iter().find(|found| found.row.key == key).unwrap()
    }

    #[test]
    fn a_ratio_is_of_samples_of_one_round() {
        let mut figures = Figures::default();
        for (limit, create) in [(100.0, 50.0), (10.0, 20.0), (10.0, 10.0)] {
            figures.add("limit", limit);
            figures.add("create", create);
        }
        let found = found(&figures, "create");
        let ratio = found.ratio.unwrap();
        assert_eq!((ratio.value, ratio.least, ratio.most), (1.0, 0.5, 2.0));
        assert_eq!((found.figure.value, found.is_reached()), (20.0, Some(true)));
    }

    #[test]
    fn without_what_it_is_compared_with_nothing_is_said_of_the_goal() {
        let mut figures = Figures::default();
        figures.add("create", 20_000.0);
        let found = found(&figures, "create");
        assert!(found.ratio.is_none() && found.is_reached().is_none());
    }

    #[test]
    fn the_hundredth_of_a_hundred_is_beyond_the_p99() {
        let mut figures = Figures::default();
        (1..=100).for_each(|sample| figures.add("latency_small", f64::from(sample)));
        let rows = figures.rows();
        let values: Vec<_> = rows.iter().map(|found| found.figure.value).collect();
        assert_eq!(values, [50.0, 99.0]);
    }

    #[test]
    fn rows_compare_with_rows() {
        for row in ROWS {
            assert!(row.base.is_none_or(|base| ROWS.iter().any(|other| other.key == base)), "{}", row.key);
        }
    }
}
