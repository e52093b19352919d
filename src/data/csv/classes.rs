//! The labels of a column, and the order of their classes.

use std::collections::BTreeMap;
use std::io::Read;

use super::table::{Table, is_number, list};
use crate::data::error::DataError;

/// The labels as they arrive: indices in the order of first appearance, or in that of the given names.
pub(super) struct Classes<'a> {
    indices: BTreeMap<String, u32>,
    labels: Vec<u32>,
    given: Option<&'a [String]>,
}

impl<'a> Classes<'a> {
    pub fn new(given: Option<&'a [String]>) -> Self {
        let names = given.unwrap_or_default().iter().zip(0..);
        Classes { indices: names.map(|(name, index)| (name.clone(), index)).collect(), labels: Vec::new(), given }
    }

    pub fn push<R: Read>(&mut self, table: &Table<R>, column: usize) -> Result<(), DataError> {
        let cell = table.cell(column)?;
        let index = match (self.indices.get(cell), self.given) {
            (Some(&index), _) => index,
            (None, Some(names)) => {
                return Err(table.bad_cell(column, format!("one of the classes {}", list(names)), cell));
            }
            (None, None) if cell.is_empty() => return Err(table.bad_cell(column, "a label", cell)),
            (None, None) => {
                let index = self.indices.len() as u32;
                self.indices.insert(cell.to_owned(), index);
                index
            }
        };
        self.labels.push(index);
        Ok(())
    }

    /// The first label, if it is the only one that is no number: most likely the name of the column.
    pub fn lone_first_word(&self) -> Option<String> {
        let first = *self.labels.first()?;
        let lone = self.given.is_none() && self.indices.len() > 1 && !self.labels[1..].contains(&first);
        let mut words = self.indices.iter().filter(|(name, _)| !is_number(name));
        let (name, &index) = words.next()?;
        (lone && index == first && words.next().is_none()).then(|| name.clone())
    }

    /// Labels and names, in the order that [`TargetKind::Classes`] promises.
    pub fn sorted(self) -> (Vec<u32>, Vec<String>) {
        if let Some(names) = self.given {
            return (self.labels, names.to_vec());
        }
        // In the order of bytes so far; a stable sort leaves `1` before `1.0`.
        let mut classes: Vec<(String, u32)> = self.indices.into_iter().collect();
        let numbers: Option<Vec<f64>> = classes.iter().map(|(name, _)| name.parse().ok()).collect();
        if numbers.is_some() {
            classes.sort_by(|(a, _), (b, _)| {
                let number = |name: &str| name.parse::<f64>().unwrap_or(f64::NAN);
                number(a).total_cmp(&number(b))
            });
        }
        let mut new_index = vec![0; classes.len()];
        for (new, (_, old)) in (0..).zip(&classes) {
            new_index[*old as usize] = new;
        }
        let labels = self.labels.iter().map(|&old| new_index[old as usize]).collect();
        (labels, classes.into_iter().map(|(name, _)| name).collect())
    }
}
