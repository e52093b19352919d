//! The plain C interface, which most libraries have.

use super::{Opened, shared_object};
use crate::library::{Call, Kind, Library, Setting, plain};
use steadynet_benches::product::Product;
use steadynet_benches::shape::Shape;
use steadynet_blas::Blas;
use steadynet_kernels::MatMut;

struct Cblas {
    name: &'static str,
    blas: Blas,
}

pub fn open(name: &'static str, variable: &str, setting: Setting) -> Opened {
    let blas = Blas::load(shared_object::path(variable)?, &[]).map_err(|error| error.to_string())?;
    let threads = u16::try_from(setting.threads).map_err(|error| error.to_string())?;
    blas.set_threads(threads).ok_or("does not take a number of threads")?;
    Ok(Box::new(Cblas { name, blas }))
}

/// A second copy of BLIS, made to use the kernels for AVX-512: it chooses by the processor's name, which a virtual machine may hide.
pub fn open_blis_forced(setting: Setting) -> Opened {
    let architecture = std::env::var("BLIS_FORCED_ARCH").map_err(|_| "BLIS_FORCED_ARCH is not set")?;
    // SAFETY: no other thread reads the environment while libraries are being opened.
    unsafe { std::env::set_var("BLIS_ARCH_TYPE", architecture) };
    let library = open("blis-forced", "BLIS_FORCED_LIB", setting);
    // It asks on its first call.
    if let (Ok(library), Ok(product)) = (&library, Product::new(Shape::plain(8, 8, 8)))
        && let Some(mut call) = library.prepare(&product)
    {
        call(&mut [0.0; 64], &mut |once| once());
    }
    // SAFETY: as above.
    unsafe { std::env::remove_var("BLIS_ARCH_TYPE") };
    library
}

impl Library for Cblas {
    fn name(&self) -> &'static str {
        self.name
    }

    fn kind(&self) -> Kind {
        Kind::C
    }

    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>> {
        let shape = product.shape;
        let (a, b) = product.views().ok()?;
        Some(plain(move |c| {
            let c = MatMut::new(c, shape.m, shape.n).expect("the shape of the result");
            self.blas.sgemm(a, b, c).expect("shapes that agree");
        }))
    }
}
