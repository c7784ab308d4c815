//! Repositories that a backend does not have.

/// What a backend has in place of a repository that it does not keep: every call is
/// [`StoreError::Unsupported`](crate::store::StoreError::Unsupported).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unsupported;

/// Declares a repository: the trait as it stands here, every method of which a backend must have, and
/// the one that [`Unsupported`] has in its place.
macro_rules! repository {
    (
        $(#[$attribute:meta])*
        pub trait $name:ident {
            $(
                $(#[$of_method:meta])*
                async fn $method:ident(&self $(, $argument:ident: $type:ty)* $(,)?)
                -> Result<$value:ty, StoreError>;
            )+
        }
    ) => {
        $(#[$attribute])*
        #[async_trait::async_trait]
        pub trait $name: Send + Sync {
            $(
                $(#[$of_method])*
                async fn $method(&self $(, $argument: $type)*) -> Result<$value, StoreError>;
            )+
        }

        #[async_trait::async_trait]
        impl $name for $crate::store::Unsupported {
            $(
                async fn $method(&self $(, _: $type)*) -> Result<$value, StoreError> {
                    Err(StoreError::Unsupported(stringify!($name)))
                }
            )+
        }
    };
}

pub(crate) use repository;

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use uuid::Uuid;

    use crate::{
        gateways::chunk_index::Readable,
        store::{Repos, StoreError},
    };

    /// A unit of work of a backend that keeps nothing.
    struct Nothing;

    impl Repos for Nothing {}

    #[test]
    fn what_a_backend_does_not_have_says_so() {
        let found = block_on(Nothing.api_keys().get(Uuid::nil().into()));
        assert!(matches!(found, Err(StoreError::Unsupported("ApiKeyRepo"))), "{found:?}");
        // References and slices in a signature, and one that returns no row.
        let found = block_on(Nothing.sign_in().account_by_username("ada", Some("acme")));
        assert!(matches!(found, Err(StoreError::Unsupported("SignInRepo"))), "{found:?}");
        let everything = Readable { collections: None };
        let found = block_on(Nothing.chunk_index().nearest("model", &[1.0], &everything, 10));
        assert!(matches!(found, Err(StoreError::Unsupported("ChunkIndex"))), "{found:?}");
        let added = block_on(Nothing.chunks().insert(&[]));
        assert!(matches!(added, Err(StoreError::Unsupported("ChunkRepo"))), "{added:?}");
    }
}
