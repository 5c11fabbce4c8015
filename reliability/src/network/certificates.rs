//! Certificates, made once per process: one that proves what it should, and three that don't.

use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::schedule::BadCertificate;

/// The name by which the exchange is known.
pub(super) const EXCHANGE_NAME: &str = "exchange.test";

/// The authority that a client trusts, and what the exchange may serve with.
pub(super) struct Certificates {
    pub(super) authority_der: Vec<u8>,
    good: TlsAcceptor,
    expired: TlsAcceptor,
    unknown_authority: TlsAcceptor,
    wrong_name: TlsAcceptor,
}

impl Certificates {
    /// Those of this process.
    pub(super) fn get() -> &'static Self {
        static CERTIFICATES: OnceLock<Certificates> = OnceLock::new();
        CERTIFICATES.get_or_init(Self::make)
    }

    pub(super) fn acceptor(&self, bad: Option<BadCertificate>) -> &TlsAcceptor {
        match bad {
            None => &self.good,
            Some(BadCertificate::Expired) => &self.expired,
            Some(BadCertificate::UnknownAuthority) => &self.unknown_authority,
            Some(BadCertificate::WrongName) => &self.wrong_name,
        }
    }

    fn make() -> Self {
        const YEAR_OF_EXPIRY: i32 = 2020;
        let (authority, stranger) = (authority(), authority());
        let leaf = |name: &str| CertificateParams::new(vec![name.to_owned()]).expect("a DNS name");
        let mut expired = leaf(EXCHANGE_NAME);
        expired.not_after = date_time_ymd(YEAR_OF_EXPIRY, 1, 1);
        Self {
            authority_der: authority.der().to_vec(),
            good: acceptor(leaf(EXCHANGE_NAME), &authority),
            expired: acceptor(expired, &authority),
            unknown_authority: acceptor(leaf(EXCHANGE_NAME), &stranger),
            wrong_name: acceptor(leaf("elsewhere.test"), &authority),
        }
    }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names are no bad names");
    params
        .distinguished_name
        .push(DnType::CommonName, "simulated network");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate().expect("the system has randomness");
    CertifiedIssuer::self_signed(params, key).expect("ring signs with its own keys")
}

fn acceptor(leaf: CertificateParams, authority: &Authority) -> TlsAcceptor {
    let key = KeyPair::generate().expect("the system has randomness");
    let leaf = leaf
        .signed_by(&key, authority)
        .expect("ring signs with its own keys");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring's suites serve TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .expect("the key is the certificate's");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
