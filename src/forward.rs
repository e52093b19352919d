//! Rows on their way through a network, some at a time, in memory that is made once.

use crate::aligned::{Aligned, LINE};
use crate::data::Dataset;
use crate::error::Error;
use crate::loss::Loss;
use crate::network::Network;
use crate::parallel::Parallelism;
use crate::product::{Factor, Gemm};
use steadynet_kernels::{Activation, Epilogue, Isa, Mat, MatMut, PackedMatrix, ShapeError, softmax};

/// Rows that go through the network at a time: enough for the kernels' speed, few enough for the second-level cache.
const ROWS: usize = 112;

/// A network to predict with.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    pub network: &'a Network,
    /// The weights of each layer once more, [packed](PackedMatrix); none if there are too few predictions to pay for it.
    pub packed: &'a [Aligned],
}

impl<'a> Weights<'a> {
    /// As the network has them.
    pub fn plain(network: &'a Network) -> Weights<'a> {
        Weights { network, packed: &[] }
    }

    /// `isa`: what they were packed for.
    fn layer(self, isa: Isa, l: usize) -> Result<Factor<'a>, ShapeError> {
        let layer = &self.network.layers()[l];
        Ok(match self.packed.get(l) {
            Some(packed) => Factor::Packed(PackedMatrix::from_packed(isa, packed, layer.inputs(), layer.outputs())?),
            None => Factor::Plain(Mat::new(
                &self.network.parameters()[layer.weight_range()],
                layer.inputs(),
                layer.outputs(),
            )?),
        })
    }
}

/// What comes out of a network.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outputs {
    /// What the last layer gives.
    Logits,
    /// Probabilities, where the loss has them.
    Predictions,
}

/// Where rows come from.
#[derive(Clone, Copy)]
pub(crate) enum Input<'a> {
    Features(Mat<'a>),
    /// Some rows of a data set.
    Data {
        data: &'a Dataset,
        first: usize,
        rows: usize,
    },
}

impl<'a> Input<'a> {
    /// All rows of a data set.
    pub fn of(data: &'a Dataset) -> Result<Input<'a>, ShapeError> {
        Ok(match data.features_in_place() {
            Some(features) => Input::Features(Mat::new(features, data.rows(), data.columns())?),
            None => Input::Data { data, first: 0, rows: data.rows() },
        })
    }

    fn rows(self) -> usize {
        match self {
            Input::Features(features) => features.rows(),
            Input::Data { rows, .. } => rows,
        }
    }

    fn row_range(self, start: usize, rows: usize) -> Result<Input<'a>, ShapeError> {
        Ok(match self {
            Input::Features(features) => Input::Features(features.row_range(start, rows)?),
            Input::Data { data, first, .. } => Input::Data { data, first: first + start, rows },
        })
    }

    /// The features, gathered into `buffer` if they must be.
    fn features<'b>(self, isa: Isa, buffer: &'b mut [f32]) -> Result<Mat<'b>, ShapeError>
    where
        'a: 'b,
    {
        match self {
            Input::Features(features) => Ok(features),
            Input::Data { data, first, rows } => {
                for (row, to) in (first..first + rows).zip(buffer.chunks_exact_mut(data.columns())) {
                    data.copy_row(isa, row, to);
                }
                Mat::new(&buffer[..rows * data.columns()], rows, data.columns())
            }
        }
    }
}

/// What the rows of one part need: two buffers, from one of which a layer reads and to the other of which it writes.
#[derive(Debug)]
pub(crate) struct Buffers {
    features: Aligned,
    from: Aligned,
    to: Aligned,
    width: usize,
    products: Gemm,
}

impl Buffers {
    /// One for each part into which `rows` rows are worth dividing.
    pub fn for_rows(
        network: &Network,
        rows: usize,
        gathered: bool,
        isa: Isa,
        parallelism: Parallelism,
    ) -> Result<Vec<Buffers>, Error> {
        let parts = parallelism.parts(network.flops().saturating_mul(rows)).min(rows);
        Buffers::for_parts(network, rows, gathered, isa, parts)
    }

    /// One for each of so many parts, which together get up to `rows` rows.
    pub fn for_parts(
        network: &Network,
        rows: usize,
        gathered: bool,
        isa: Isa,
        parts: usize,
    ) -> Result<Vec<Buffers>, Error> {
        let products = || Gemm::new(isa, Parallelism::Serial);
        (0..parts).map(|_| Buffers::new(network, rows.min(ROWS), gathered, products())).collect()
    }

    /// For up to `rows` rows at a time; what `products` need is made here.
    pub fn new(network: &Network, rows: usize, gathered: bool, mut products: Gemm) -> Result<Buffers, Error> {
        let layers = network.layers();
        let width = layers.iter().map(|layer| layer.outputs()).max().unwrap_or(0).next_multiple_of(LINE);
        products.prepare(layers.iter().map(|layer| (rows, layer.inputs(), layer.outputs())))?;
        let activations = || Aligned::zeros("the activations", rows.saturating_mul(width));
        let inputs = if gathered { network.inputs() } else { 0 };
        Ok(Buffers {
            features: Aligned::zeros("the features", rows.saturating_mul(inputs))?,
            from: activations()?,
            to: activations()?,
            width,
            products,
        })
    }

    /// Rows that the buffers take at a time.
    fn rows(&self) -> usize {
        self.from.len().checked_div(self.width).unwrap_or(0).max(1)
    }

    /// Takes rows through the network, some at a time.
    fn forward(
        &mut self,
        weights: Weights<'_>,
        isa: Isa,
        input: Input<'_>,
        mut output: MatMut<'_>,
        outputs: Outputs,
    ) -> Result<(), Error> {
        let at_a_time = self.rows();
        for start in (0..input.rows()).step_by(at_a_time) {
            let rows = at_a_time.min(input.rows() - start);
            let (top, rest) = output.split_at_row(rows)?;
            output = rest;
            self.block(weights, isa, input.row_range(start, rows)?, top, outputs)?;
        }
        Ok(())
    }

    /// Takes no more rows than there is room for through the network.
    fn block(
        &mut self,
        weights: Weights<'_>,
        isa: Isa,
        input: Input<'_>,
        output: MatMut<'_>,
        outputs: Outputs,
    ) -> Result<(), Error> {
        let Buffers { features, from, to, width, products } = self;
        let network = weights.network;
        let rows = input.rows();
        let features = input.features(isa, features)?;
        let mut product = |l: usize, x: Mat<'_>, y: MatMut<'_>, activation: Activation| {
            let layer = &network.layers()[l];
            let bias = &network.parameters()[layer.bias_range()];
            products.run(x, weights.layer(isa, l)?, y, Epilogue::Bias { bias, activation })
        };
        let Some((last, hidden)) = network.layers().split_last() else { return Ok(()) };
        for (l, layer) in hidden.iter().enumerate() {
            let x = if l == 0 { features } else { Mat::with_strides(from, rows, layer.inputs(), *width, 1)? };
            let y = MatMut::with_strides(to, rows, layer.outputs(), *width, 1)?;
            product(l, x, y, layer.activation())?;
            std::mem::swap(from, to);
        }
        let l = hidden.len();
        let x = if l == 0 { features } else { Mat::with_strides(from, rows, last.inputs(), *width, 1)? };
        match (outputs, network.loss()) {
            (Outputs::Predictions, Loss::CrossEntropy) => {
                product(l, x, MatMut::with_strides(to, rows, last.outputs(), *width, 1)?, last.activation())?;
                Ok(softmax(isa, Mat::with_strides(to, rows, last.outputs(), *width, 1)?, output)?)
            }
            (Outputs::Predictions, Loss::BinaryCrossEntropy) => product(l, x, output, Activation::Sigmoid),
            (Outputs::Logits, _) | (_, Loss::SquaredError) => product(l, x, output, last.activation()),
        }
    }
}

/// Takes rows through the network, divided between as many parts as there are buffers.
pub(crate) fn forward(
    weights: Weights<'_>,
    isa: Isa,
    parallelism: Parallelism,
    input: Input<'_>,
    output: &mut [f32],
    outputs: Outputs,
    buffers: &mut [Buffers],
) -> Result<(), Error> {
    let output = MatMut::new(output, input.rows(), weights.network.outputs())?;
    let task = (input, output, buffers);
    parallelism.divide(
        task.2.len(),
        task,
        &|(input, output, buffers): (Input<'_>, MatMut<'_>, &mut [Buffers]), left, parts| {
            let at = input.rows() * left / parts;
            let (top, bottom) = output.split_at_row(at)?;
            let (above, below) = buffers.split_at_mut(left);
            let rest = input.row_range(at, input.rows() - at)?;
            Ok(((input.row_range(0, at)?, top, above), (rest, bottom, below)))
        },
        &|(input, output, buffers)| match buffers {
            [buffers, ..] => buffers.forward(weights, isa, input, output, outputs),
            [] => Ok(()),
        },
    )
}
