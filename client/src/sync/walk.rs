//! From the manifest seen last to the newest one, without a gap.

use samar_local::exit::Failure;
use samar_protocol::manifest::{Chain, ChainError, SignedManifest};

use crate::link::{Link, Streams};

/// Moves `chain` to the newest manifest, which must not be past its end at `now_s`.
///
/// # Errors
/// [`Failure`]; what the chain has then come to must not be kept.
pub async fn to_newest<S: Streams>(
    link: &Link<S>,
    chain: &mut Chain,
    now_s: u64,
) -> Result<SignedManifest, Failure> {
    let bytes = link.manifest(None).await?;
    // Only to know how far to walk: nothing in it is used before the chain has led to it.
    let claimed = SignedManifest::inspect(&bytes).map_err(|error| lie(link, &error.into()))?;
    for epoch in chain.missing(claimed.manifest().epoch).map_err(|error| lie(link, &error))? {
        let between = link.manifest(Some(epoch)).await?;
        chain.advance(&between).map_err(|error| lie(link, &error))?;
    }
    let newest = chain.advance(&bytes).map_err(|error| lie(link, &error))?;
    Chain::check_fresh(&newest, now_s).map_err(|error| lie(link, &error))?;
    Ok(newest)
}

fn lie<S>(link: &Link<S>, error: &ChainError) -> Failure {
    let remedy = match error {
        ChainError::Expired { .. } => "check this machine's clock, and tell the operator",
        ChainError::TooFar { .. } => "ask the operator for a new invitation",
        _ => "keep this message, compare the manifest's hash with other banks, and tell the operator",
    };
    Failure::peer(format!("the server at {}: {error}", link.address())).remedy(remedy)
}
