//! Predictions again and again, in memory that is made once.

use crate::aligned::Aligned;
use crate::error::Error;
use crate::forward::{Buffers, Input, Outputs, Weights, forward};
use crate::network::Network;
use crate::parallel::Parallelism;
use crate::product::Gemm;
use steadynet_kernels::{Isa, Mat, PackedMatrix, packed_len};

/// So few rows are not divided between threads: the columns of each layer are, of which every thread then reads its own.
const FEW: usize = 8;

/// A network made ready for predictions: shared between threads, of which each has a [`Session`].
///
/// ```
/// use steadynet::{Activation, Loss, Network, Parallelism, Predictor};
///
/// let network = Network::builder(4).hidden(8, Activation::Tanh).output(3, Loss::CrossEntropy).seed(7).build()?;
/// let predictor = Predictor::new(&network)?;
/// let mut session = predictor.session(Parallelism::Serial)?;
/// let mut probabilities = [0.0; 3];
/// session.predict(&[0.1, 0.2, 0.3, 0.4], &mut probabilities)?;
/// assert_eq!(probabilities[..], network.predict(&[0.1, 0.2, 0.3, 0.4])?);
/// # Ok::<(), steadynet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Predictor {
    network: Network,
    /// The weights of each layer, packed.
    packed: Vec<Aligned>,
    isa: Isa,
}

impl Predictor {
    /// A copy of the network with its weights packed for products, on the fastest instruction set.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn new(network: &Network) -> Result<Predictor, Error> {
        Predictor::on(network, Isa::detect())
    }

    /// A copy of the network, on a chosen instruction set.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn on(network: &Network, isa: Isa) -> Result<Predictor, Error> {
        let mut packed = Vec::with_capacity(network.layers().len());
        for layer in network.layers() {
            let (inputs, outputs) = (layer.inputs(), layer.outputs());
            let mut memory = Aligned::zeros("the packed weights", packed_len(inputs, outputs))?;
            let weights = Mat::new(&network.parameters()[layer.weight_range()], inputs, outputs)?;
            PackedMatrix::pack(isa, weights, &mut memory)?;
            packed.push(memory);
        }
        Ok(Predictor { network: network.clone(), packed, isa })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The memory for predictions by one thread at a time, which may divide large ones as `parallelism` allows.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn session(&self, parallelism: Parallelism) -> Result<Session<'_>, Error> {
        let (network, isa) = (&self.network, self.isa);
        Ok(Session {
            predictor: self,
            parallelism,
            few: Buffers::new(network, FEW, false, Gemm::new(isa, parallelism))?,
            many: Buffers::for_parts(network, usize::MAX, false, isa, parallelism.threads())?,
        })
    }
}

/// The memory of one thread's predictions with a [`Predictor`].
#[derive(Debug)]
pub struct Session<'p> {
    predictor: &'p Predictor,
    parallelism: Parallelism,
    /// For few rows, of which each layer is divided.
    few: Buffers,
    /// For the parts into which many rows are divided.
    many: Vec<Buffers>,
}

impl Session<'_> {
    /// [`Network::predict`] into `outputs`. Allocates nothing, and wakes no thread for less than a tenth of a millisecond of work.
    /// (Inside [`Parallelism::hot`] threads are awake, and a hundredth is worth dividing.)
    ///
    /// # Shapes
    /// `features`: (rows, inputs); `outputs`: (rows, outputs); both row-major.
    /// # Numerics
    /// As [`Network::predict`]: features are not checked to be finite.
    /// # Determinism
    /// The bits of [`Network::predict`].
    /// # Errors
    /// [`Error::Features`] if a length is no whole number of rows, or the numbers of rows differ; nothing is written.
    pub fn predict(&mut self, features: &[f32], outputs: &mut [f32]) -> Result<(), Error> {
        let Predictor { network, packed, isa } = self.predictor;
        let rows = network.check_rows(features)?;
        if rows.checked_mul(network.outputs()) != Some(outputs.len()) {
            let what = "outputs (as many rows as of features)";
            return Err(Error::Features { what, wanted: rows.saturating_mul(network.outputs()), given: outputs.len() });
        }
        let input = Input::Features(Mat::new(features, rows, network.inputs())?);
        let weights = Weights { network, packed };
        let flops = network.flops().saturating_mul(rows);
        let Session { few, many, .. } = self;
        self.parallelism.enter(flops, |parallelism| {
            let buffers = if rows <= FEW {
                std::slice::from_mut(few)
            } else {
                let parts = parallelism.parts(flops).min(rows).min(many.len());
                &mut many[..parts]
            };
            forward(weights, *isa, parallelism, input, outputs, Outputs::Predictions, buffers)
        })
    }
}
