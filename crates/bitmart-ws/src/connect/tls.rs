use std::fmt;
use std::io;
use std::sync::Arc;

use bitmart_session::TlsFault;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The one protocol offered inside TLS: a `WebSocket` begins as HTTP/1.1.
const ALPN_HTTP_1_1: &[u8] = b"http/1.1";

/// How a PEM file begins.
const PEM_BEGIN: &[u8] = b"-----BEGIN";

/// Which certificate authorities are trusted, ready for use. The default is the public ones, Mozilla's list.
///
/// ```
/// use bitmart_ws::connect::Tls;
///
/// let public = Tls::default();
/// let nonsense = [b"not a certificate".to_vec()];
/// assert!(Tls::with_own_roots(nonsense).is_err());
/// ```
///
/// Cloning is cheap, and clones share their sessions: a reconnect resumes the last one where the server
/// allows it. TLS 1.3 and 1.2 are spoken, with ring's primitives whatever other provider the process has
/// installed. There is no way to turn the checks off.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Trusts the public authorities and these, each a certificate in DER, or a PEM file of one or more.
    ///
    /// # Errors
    ///
    /// [`RootError`] if one of them is not a certificate.
    pub fn with_extra_roots(roots: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, RootError> {
        Ok(Self::trusting(add_roots(public_roots(), roots)?))
    }

    /// Trusts these authorities alone, each a certificate in DER, or a PEM file of one or more: for a simulator, or a
    /// proxy of your own.
    ///
    /// # Errors
    ///
    /// [`RootError`] if one of them is not a certificate.
    pub fn with_own_roots(roots: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, RootError> {
        Ok(Self::trusting(add_roots(RootCertStore::empty(), roots)?))
    }

    fn trusting(roots: RootCertStore) -> Self {
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring's suites serve TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN_HTTP_1_1.to_vec()];
        Self {
            config: Arc::new(config),
        }
    }

    /// Shakes hands over `stream` with a server that has to prove to be `name`.
    pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        name: ServerName<'static>,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        TlsConnector::from(self.config.clone())
            .connect(name, stream)
            .await
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self::trusting(public_roots())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

fn public_roots() -> RootCertStore {
    RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    }
}

fn add_roots(
    mut store: RootCertStore,
    roots: impl IntoIterator<Item = Vec<u8>>,
) -> Result<RootCertStore, RootError> {
    for (index, root) in roots.into_iter().enumerate() {
        let certificates = if root.trim_ascii_start().starts_with(PEM_BEGIN) {
            let in_file: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&root).collect();
            in_file.map_err(|_| RootError { index, is_pem: true })?
        } else {
            vec![CertificateDer::from(root)]
        };
        if certificates.is_empty() {
            return Err(RootError { index, is_pem: true });
        }
        let is_pem = certificates.len() > 1;
        for certificate in certificates {
            store.add(certificate).map_err(|_| RootError { index, is_pem })?;
        }
    }
    Ok(store)
}

/// A root certificate was refused. The caller's to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RootError {
    /// Which one, counted from 0.
    pub index: usize,
    is_pem: bool,
}

impl fmt::Display for RootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.is_pem {
            "holds no certificate that can be read"
        } else {
            "is neither DER nor PEM"
        };
        write!(
            f,
            "root certificate {} {form}: pass the contents of the authority's X.509 certificate, as std::fs::read gives them (not a path)",
            self.index
        )
    }
}

impl std::error::Error for RootError {}

/// Reads the fault out of what a handshake returned; `None` if the transport failed under it.
pub(super) fn tls_fault(error: &io::Error) -> Option<TlsFault> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return Some(TlsFault::Protocol);
    };
    Some(match certificate {
        // A bad signature is what a root gives that has the right name and another key, as after making
        // one anew.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::UnknownAuthority,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsFault::NotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsFault::WrongName
        }
        _ => TlsFault::BadCertificate,
    })
}
