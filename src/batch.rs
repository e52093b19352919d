//! The rows of a batch: read where they lie, or gathered from a data set.

use crate::data::{Dataset, Targets};
use crate::loss::TargetRows;
use crate::network::Network;
use crate::workspace::{Block, Columns, Gathered};
use steadynet_kernels::{Isa, Mat, ShapeError};

/// Where a step finds its rows.
#[derive(Clone, Copy)]
pub(crate) enum BatchRows<'a> {
    /// Side by side in memory.
    InPlace { features: Mat<'a>, targets: TargetRows<'a> },
    /// Rows of a data set, in this order.
    Gathered { data: &'a Dataset, order: &'a [u32] },
}

impl<'a> BatchRows<'a> {
    /// All rows of a data set, if its features can be read where they lie.
    pub fn in_place(data: &'a Dataset) -> Result<Option<Self>, ShapeError> {
        let Some(features) = data.features_in_place() else { return Ok(None) };
        let features = Mat::new(features, data.rows(), data.columns())?;
        let targets = match data.targets() {
            Targets::Classes { labels, .. } => TargetRows::Labels(labels),
            Targets::Values { values, width } => TargetRows::Values(Mat::new(values, data.rows(), *width)?),
        };
        Ok(Some(BatchRows::InPlace { features, targets }))
    }

    /// What a workspace must have room for, if rows for this network are gathered into it.
    pub fn gathered(network: &Network) -> Gathered {
        let targets = if network.loss().takes_labels() { 0 } else { network.outputs() };
        Gathered { features: network.inputs(), targets }
    }

    pub fn len(self) -> usize {
        match self {
            BatchRows::InPlace { features, .. } => features.rows(),
            BatchRows::Gathered { order, .. } => order.len(),
        }
    }

    /// The features of some rows, if they need not be gathered.
    pub fn features(self, first: usize, rows: usize) -> Result<Option<Mat<'a>>, ShapeError> {
        match self {
            BatchRows::InPlace { features, .. } => features.row_range(first, rows).map(Some),
            BatchRows::Gathered { .. } => Ok(None),
        }
    }

    /// The targets of some rows, if they need not be gathered.
    pub fn targets(self, first: usize, rows: usize) -> Result<Option<TargetRows<'a>>, ShapeError> {
        match self {
            BatchRows::InPlace { targets: TargetRows::Labels(labels), .. } => {
                Ok(labels.get(first..first + rows).map(TargetRows::Labels))
            }
            BatchRows::InPlace { targets: TargetRows::Values(values), .. } => {
                Ok(Some(TargetRows::Values(values.row_range(first, rows)?)))
            }
            BatchRows::Gathered { .. } => Ok(None),
        }
    }

    /// Copies the features and targets of a block's rows out of the data, if they do not lie side by side.
    pub fn gather(self, isa: Isa, columns: &Columns, block: &mut Block<'_>) {
        let BatchRows::Gathered { data, order } = self else { return };
        let order = &order[block.first..block.first + block.rows.rows()];
        // Rows lie anywhere in memory, which takes its time: some are under way while one is copied.
        let ask = |&row: &u32| data.prefetch_row(isa, row as usize);
        let mut coming = order.iter();
        coming.by_ref().take(data.rows_ahead()).for_each(ask);
        for (i, &from) in order.iter().enumerate() {
            coming.next().into_iter().for_each(ask);
            let from = from as usize;
            let Some(row) = block.rows.row_mut(i) else { continue };
            data.copy_row(isa, from, &mut row[..data.columns()]);
            match data.targets() {
                Targets::Classes { labels, .. } => block.labels[i] = labels[from],
                Targets::Values { values, width } => {
                    let values = &values[from * width..(from + 1) * width];
                    row[columns.targets..columns.targets + width].copy_from_slice(values);
                }
            }
        }
    }
}
