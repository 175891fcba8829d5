//! `synth`: arguments to a spec, and a file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use samar_local::exit::{Failure, io_failure, say};
use samar_local::people::thousands;

use super::arguments;
use crate::synth::{
    Breach, CustomerSpec, Dirt, DumpSpec, Overlap, SynthError, write_customers_as, write_dump_as,
};

pub(super) fn run(command: arguments::Synth) -> Result<(), Failure> {
    match command {
        arguments::Synth::Dump { persons, like, photo, form, shape } => {
            let persons = range(&persons)?;
            let spec = DumpSpec {
                seed: shape.seed,
                first: persons.start,
                count: persons.end - persons.start,
                like,
                photo_per_mille: photo,
                dirt: dirt(&shape),
            };
            let made = write_dump_as(&mut create(&shape.out)?, &spec, form).map_err(failure)?;
            say(format_args!("{} rows of {} persons", thousands(made.rows), thousands(made.persons)));
        }
        arguments::Synth::Customers {
            breach,
            only_first,
            only_second,
            both,
            neither,
            persons,
            all_kinds,
            truth,
            form,
            shape,
        } => {
            let breaches = breach.iter().map(|breach| named(breach)).collect::<Result<Vec<_>, _>>()?;
            let persons = persons.iter().map(|range| self::range(range)).collect::<Result<Vec<_>, _>>()?;
            let spec = match breaches.as_slice() {
                _ if !persons.is_empty() => {
                    CustomerSpec::among(shape.seed, &persons, &breaches, dirt(&shape))
                }
                [first, second] => {
                    let overlap = Overlap { only_a: only_first, only_b: only_second, both, neither };
                    CustomerSpec::between(shape.seed, first, second, overlap, dirt(&shape))
                }
                _ => {
                    return Err(Failure::input("the counts are of two dumps, so --breach is needed twice")
                        .remedy("name the customers with --persons A..B, for any number of dumps"));
                }
            };
            let spec = CustomerSpec { all_kinds, ..spec.map_err(failure)? };
            let mut truth = truth.as_deref().map(create).transpose()?;
            let truth = truth.as_mut().map(|truth| truth as &mut dyn Write);
            let made = write_customers_as(&mut create(&shape.out)?, truth, &spec, form).map_err(failure)?;
            let (rows, exposed) = (thousands(made.rows), thousands(made.exposed));
            say(format_args!("{rows} rows, {exposed} customers exposed"));
        }
    }
    Ok(())
}

fn dirt(shape: &arguments::Shape) -> Dirt {
    Dirt { odd_per_mille: shape.odd, broken_per_mille: shape.broken, repeated_per_mille: shape.repeated }
}

fn named(text: &str) -> Result<Breach, Failure> {
    let (id, persons) =
        text.split_once('=').ok_or_else(|| Failure::input(format!("`{text}` is not ID=FIRST..END")))?;
    Ok(Breach { id: id.to_owned(), persons: range(persons)? })
}

fn range(text: &str) -> Result<Range<u64>, Failure> {
    let parse = || {
        let (first, end) = text.split_once("..")?;
        let range = first.parse().ok()?..end.parse().ok()?;
        (range.start <= range.end).then_some(range)
    };
    parse().ok_or_else(|| Failure::input(format!("`{text}` is not FIRST..END, like 0..700000")))
}

fn create(path: &Path) -> Result<BufWriter<Box<dyn Write + Send>>, Failure> {
    let out: Box<dyn Write + Send> = if path == Path::new("-") {
        Box::new(io::stdout())
    } else {
        Box::new(File::create(path).map_err(|error| io_failure("create", path, &error))?)
    };
    Ok(BufWriter::with_capacity(1 << 16, out))
}

#[allow(clippy::needless_pass_by_value)] // fits map_err
fn failure(error: SynthError) -> Failure {
    match error {
        SynthError::Write(_) => Failure::local(error),
        SynthError::Population { .. }
        | SynthError::Share { .. }
        | SynthError::Group { .. }
        | SynthError::Twice { .. }
        | SynthError::Rows { .. } => Failure::input(error),
    }
}
