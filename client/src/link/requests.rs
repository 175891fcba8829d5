//! What a bank asks for, each with the answer in the form it is used in.

use samar_protocol::limits::ELEMENT_BYTES;
use samar_protocol::lookup::Query;
use samar_protocol::oprf::{self, KeyId, PROOF_BYTES, Proof};
use samar_protocol::wire::{
    Allowance, AllowanceRequest, EvaluateRequest, FetchRequest, HintRequest, JoinRequest, Joined,
    LookupRequest, ManifestRequest, RekeyRequest, Request, Response,
};

use super::{Link, LinkError, Streams};

/// An evaluated or rekeyed batch, not yet verified.
#[derive(Debug)]
pub struct EvaluateAnswer {
    /// As many as were sent.
    pub evaluated: Vec<[u8; ELEMENT_BYTES]>,
    /// The batch proof.
    pub proof: Proof,
    /// Evaluations or rekeyings charged: all or none.
    pub charged: u32,
}

impl<S: Streams> Link<S> {
    /// Trades an invitation's token and a signing request (DER) for a certificate.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn join(&self, token: [u8; 32], csr: Vec<u8>) -> Result<Joined, LinkError> {
        let request = Request::Join(JoinRequest { token, csr, extensions: Vec::new() });
        match self.ask(&request, &[]).await? {
            (Response::Joined(joined), _) => Ok(joined),
            _ => Err(self.out_of_place()),
        }
    }

    /// A manifest file: that of `epoch`, or the newest.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn manifest(&self, epoch: Option<u64>) -> Result<Vec<u8>, LinkError> {
        let request = Request::Manifest(ManifestRequest { epoch, extensions: Vec::new() });
        match self.ask(&request, &[]).await? {
            (Response::Manifest(_), file) => Ok(file),
            _ => Err(self.out_of_place()),
        }
    }

    /// `length` bytes of a segment file from `offset` on.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn fetch(&self, root: [u8; 32], offset: u64, length: u32) -> Result<Vec<u8>, LinkError> {
        let request = Request::Fetch(FetchRequest { root, offset, length, extensions: Vec::new() });
        match self.ask(&request, &[]).await? {
            (Response::Fetched(_), bytes) => Ok(bytes),
            _ => Err(self.out_of_place()),
        }
    }

    /// `length` bytes of the hint of a segment's private lookups, from `offset` on.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn hint(&self, root: [u8; 32], offset: u64, length: u32) -> Result<Vec<u8>, LinkError> {
        let request = Request::Hint(HintRequest { root, offset, length, extensions: Vec::new() });
        match self.ask(&request, &[]).await? {
            (Response::Hint(_), bytes) => Ok(bytes),
            _ => Err(self.out_of_place()),
        }
    }

    /// The answer to a query of a private lookup, over so many pages. The query is used up by it: after a server that was busy
    /// another one is asked, with a secret of its own.
    ///
    /// # Errors
    /// [`LinkError`]; nothing is repeated here.
    pub async fn look_up(&self, root: [u8; 32], pages: u32, query: Query) -> Result<Vec<u8>, LinkError> {
        let request = Request::Lookup(LookupRequest { root, pages, extensions: Vec::new() });
        match self.ask_once(&request, &query.into_bytes()).await? {
            (Response::LookedUp(_), bytes) => Ok(bytes),
            _ => Err(self.out_of_place()),
        }
    }

    /// Evaluations of blinded elements, at most a batch.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn evaluate(
        &self,
        key_id: KeyId,
        epoch: u64,
        blinded: &[[u8; ELEMENT_BYTES]],
    ) -> Result<EvaluateAnswer, LinkError> {
        let request = Request::Evaluate(EvaluateRequest {
            suite: oprf::SUITE,
            key_id: key_id.0,
            epoch,
            count: u32::try_from(blinded.len()).unwrap_or(u32::MAX), // over a batch: the encoder refuses it
            extensions: Vec::new(),
        });
        match self.ask(&request, blinded.as_flattened()).await? {
            (Response::Evaluated(answer), bulk) => self.batch_answer(&bulk, &answer.proof, answer.charged),
            _ => Err(self.out_of_place()),
        }
    }

    /// Rekeyings of blinded elements from one key to the next, at most a batch.
    ///
    /// # Errors
    /// [`LinkError`]; a server that does not serve this rotation, or no longer, refuses with `key-unknown`.
    pub async fn rekey(
        &self,
        from: KeyId,
        to: KeyId,
        epoch: u64,
        blinded: &[[u8; ELEMENT_BYTES]],
    ) -> Result<EvaluateAnswer, LinkError> {
        let request = Request::Rekey(RekeyRequest {
            suite: oprf::SUITE,
            from_key_id: from.0,
            to_key_id: to.0,
            epoch,
            count: u32::try_from(blinded.len()).unwrap_or(u32::MAX), // over a batch: the encoder refuses it
            extensions: Vec::new(),
        });
        match self.ask(&request, blinded.as_flattened()).await? {
            (Response::Rekeyed(answer), bulk) => self.batch_answer(&bulk, &answer.proof, answer.charged),
            _ => Err(self.out_of_place()),
        }
    }

    fn batch_answer(
        &self,
        bulk: &[u8],
        proof: &[u8; PROOF_BYTES],
        charged: u32,
    ) -> Result<EvaluateAnswer, LinkError> {
        let proof = Proof::from_bytes(proof)
            .map_err(|error| LinkError::lied(self.address(), format!("batch proof: {error}")))?;
        Ok(EvaluateAnswer { evaluated: bulk.as_chunks::<ELEMENT_BYTES>().0.to_vec(), proof, charged })
    }

    /// What is left of the bank's allowance.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn allowance(&self) -> Result<Allowance, LinkError> {
        let request = Request::Allowance(AllowanceRequest { extensions: Vec::new() });
        self.allowance_in(self.ask(&request, &[]).await?)
    }

    /// The same, of a server that is not busy: one that is, is not asked again.
    ///
    /// # Errors
    /// [`LinkError`].
    pub(crate) async fn allowance_once(&self) -> Result<Allowance, LinkError> {
        let request = Request::Allowance(AllowanceRequest { extensions: Vec::new() });
        self.allowance_in(self.ask_once(&request, &[]).await?)
    }

    fn allowance_in(&self, (response, _): (Response, Vec<u8>)) -> Result<Allowance, LinkError> {
        match response {
            Response::Allowance(allowance) => Ok(allowance),
            _ => Err(self.out_of_place()),
        }
    }

    /// Cannot happen: a response is decoded as the answer to its request. Said rather than assumed.
    fn out_of_place(&self) -> LinkError {
        LinkError::lied(self.address(), "its answer is to another request")
    }
}
