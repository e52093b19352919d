//! The memory of a training step, made once.

use crate::aligned::{Aligned, LINE};
use crate::error::Error;
use crate::network::{Layer, Network};
use steadynet_kernels::{Mat, MatMut, Saved, ShapeError, gemm_scratch_len};

/// Where things lie in a row of the workspace: all that one row of the batch needs, side by side, so that a worker's rows are one
/// block of memory and one split divides everything.
#[derive(Debug)]
pub(crate) struct Columns {
    /// Behind the features, which come first. (Neither has columns where batches are read in place.)
    pub targets: usize,
    /// Outputs of each layer. Behind what is the input of a layer, features too, stands a 1, the input of its biases.
    pub outputs: Vec<usize>,
    /// What the backward pass takes of each layer: the outputs, or the inputs of the activation where it [asks](Saved) for them.
    pub saved: Vec<usize>,
    /// The loss's gradient with respect to each layer's outputs before the activation.
    pub deltas: Vec<usize>,
    pub width: usize,
}

impl Columns {
    fn new(network: &Network, gathered: Gathered) -> Columns {
        let mut end = 0;
        let mut block = |width: usize| {
            let start = end;
            end += width.next_multiple_of(LINE);
            start
        };
        block(if gathered.features > 0 { gathered.features + 1 } else { 0 });
        let targets = block(gathered.targets);
        let outputs: Vec<usize> = network.layers().iter().map(|layer| block(layer.outputs() + 1)).collect();
        let saved = network.layers().iter().zip(&outputs).map(|(layer, &outputs)| match layer.activation().saved() {
            Saved::Output => outputs,
            Saved::Input => block(layer.outputs()),
        });
        let saved = saved.collect();
        let deltas = network.layers().iter().map(|layer| block(layer.outputs())).collect();
        // An odd number of cache lines from row to row: an even one would put the rows of a tile into few sets of the cache.
        let width = end.next_multiple_of(LINE) + if (end / LINE).is_multiple_of(2) { LINE } else { 0 };
        Columns { targets, outputs, saved, deltas, width }
    }
}

/// How much of each row of a batch is copied into the workspace.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gathered {
    pub features: usize,
    /// Numbers; 0 for class indices.
    pub targets: usize,
}

/// All the memory of passes through one network, for batches of up to a given size. After it is made, nothing else is allocated.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub columns: Columns,
    pub rows: Aligned,
    pub losses: Vec<f32>,
    /// The class index of each row.
    pub labels: Vec<u32>,
    /// Scratch of the products, a piece for each part.
    pub scratch: Aligned,
    pub scratch_len: usize,
}

impl Workspace {
    /// For batches of up to `batch` rows, divided into up to `parts`.
    pub fn new(network: &Network, batch: usize, gathered: Gathered, parts: usize) -> Result<Workspace, Error> {
        let columns = Columns::new(network, gathered);
        let scratch_len = network.layers().iter().map(|layer| layer_scratch_len(layer, batch)).max().unwrap_or(0);
        let scratch_len = scratch_len.next_multiple_of(LINE);
        let mut rows = Aligned::zeros("the rows of a batch", batch.saturating_mul(columns.width))?;
        // Written once: passes change the columns around them.
        for row in rows.chunks_exact_mut(columns.width.max(1)) {
            if gathered.features > 0 {
                row[gathered.features] = 1.0;
            }
            for (&outputs, layer) in columns.outputs.iter().zip(network.layers()) {
                row[outputs + layer.outputs()] = 1.0;
            }
        }
        Ok(Workspace {
            rows,
            columns,
            losses: vec![0.0; batch],
            labels: vec![0; batch],
            scratch: Aligned::zeros("the scratch of the products", scratch_len.saturating_mul(parts.max(1)))?,
            scratch_len,
        })
    }

    /// Where things lie in a row, and the first `batch` rows, to change.
    pub fn columns_and_block(&mut self, batch: usize) -> Result<(&Columns, Block<'_>), ShapeError> {
        let width = self.columns.width;
        let block = Block {
            first: 0,
            rows: MatMut::with_strides(&mut self.rows, batch, width, width, 1)?,
            losses: &mut self.losses[..batch],
            labels: &mut self.labels[..batch],
            scratch: &mut self.scratch,
        };
        Ok((&self.columns, block))
    }
}

/// The scratch that every product of a layer finds enough: forward, backward, and the gradient of its parameters.
fn layer_scratch_len(layer: &Layer, batch: usize) -> usize {
    let (inputs, outputs) = (layer.inputs(), layer.outputs());
    gemm_scratch_len(batch, inputs, outputs).max(gemm_scratch_len(batch, outputs, inputs)).max(gemm_scratch_len(
        layer.parameter_rows(),
        batch,
        outputs,
    ))
}

/// The rows of one worker.
pub(crate) struct Block<'a> {
    /// Its first row in the batch.
    pub first: usize,
    pub rows: MatMut<'a>,
    pub losses: &'a mut [f32],
    pub labels: &'a mut [u32],
    pub scratch: &'a mut [f32],
}

impl<'a> Block<'a> {
    /// The block cut in two, for `left` and `parts − left` of its parts.
    pub fn split(self, left: usize, parts: usize, scratch_len: usize) -> Result<(Block<'a>, Block<'a>), ShapeError> {
        let at = self.rows.rows() * left / parts;
        let (top, bottom) = self.rows.split_at_row(at)?;
        let (losses, other_losses) = self.losses.split_at_mut(at);
        let (labels, other_labels) = self.labels.split_at_mut(at);
        let (scratch, other_scratch) = self.scratch.split_at_mut(left * scratch_len);
        let first = self.first + at;
        Ok((
            Block { first: self.first, rows: top, losses, labels, scratch },
            Block { first, rows: bottom, losses: other_losses, labels: other_labels, scratch: other_scratch },
        ))
    }
}

/// The column blocks that a pass through one layer touches, taken out of the rows without overlap: a block to read and,
/// behind it, a block to write.
#[inline]
pub(crate) fn read_write<'a>(
    rows: &'a mut MatMut<'_>,
    read: (usize, usize),
    write: (usize, usize),
) -> Result<(Mat<'a>, MatMut<'a>), ShapeError> {
    if read.0 < write.0 {
        let (left, right) = rows.reborrow().split_at_col(write.0)?;
        Ok((left.into_ref().col_range(read.0, read.1)?, right.col_range(0, write.1)?))
    } else {
        let (left, right) = rows.reborrow().split_at_col(read.0)?;
        Ok((right.into_ref().col_range(0, read.1)?, left.col_range(write.0, write.1)?))
    }
}
