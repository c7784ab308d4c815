//! The rows of identity.

pub(crate) mod users {
    use domain::{
        clock::Timestamp,
        identity::{Email, User, Username},
        store::StoreError,
    };
    use sea_orm::entity::prelude::*;

    use crate::values::{address, stored};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Option<Uuid>,
        pub email: String,
        pub username: String,
        pub password_hash: Option<String>,
        pub display_name: Option<String>,
        pub first_name: Option<String>,
        pub last_name: Option<String>,
        pub avatar_url: Option<String>,
        pub is_active: bool,
        pub email_verified: bool,
        pub email_verified_at: Option<Timestamp>,
        pub last_login_at: Option<Timestamp>,
        pub last_login_ip: Option<String>,
        pub daily_request_quota: Option<i64>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
        pub deleted_at: Option<Timestamp>,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl From<&User> for Model {
        fn from(user: &User) -> Self {
            let User {
                id,
                tenant_id,
                email,
                username,
                password_hash,
                display_name,
                first_name,
                last_name,
                avatar_url,
                is_active,
                email_verified,
                email_verified_at,
                last_login_at,
                last_login_ip,
                daily_request_quota,
                created_at,
                updated_at,
                deleted_at,
            } = user.clone();
            Self {
                id: id.0,
                tenant_id: tenant_id.map(|id| id.0),
                email: email.as_str().to_owned(),
                username: username.as_str().to_owned(),
                password_hash,
                display_name,
                first_name,
                last_name,
                avatar_url,
                is_active,
                email_verified,
                email_verified_at,
                last_login_at,
                last_login_ip: last_login_ip.map(|ip| ip.to_string()),
                daily_request_quota,
                created_at,
                updated_at,
                deleted_at,
            }
        }
    }

    impl TryFrom<Model> for User {
        type Error = StoreError;

        fn try_from(row: Model) -> Result<Self, StoreError> {
            let Model {
                id,
                tenant_id,
                email,
                username,
                password_hash,
                display_name,
                first_name,
                last_name,
                avatar_url,
                is_active,
                email_verified,
                email_verified_at,
                last_login_at,
                last_login_ip,
                daily_request_quota,
                created_at,
                updated_at,
                deleted_at,
            } = row;
            Ok(Self {
                id: id.into(),
                tenant_id: tenant_id.map(Into::into),
                email: stored(Email::parse(&email))?,
                username: stored(Username::parse(&username))?,
                password_hash,
                display_name,
                first_name,
                last_name,
                avatar_url,
                is_active,
                email_verified,
                email_verified_at,
                last_login_at,
                last_login_ip: address(last_login_ip)?,
                daily_request_quota,
                created_at,
                updated_at,
                deleted_at,
            })
        }
    }
}

pub(crate) mod roles {
    use domain::{clock::Timestamp, identity::Role, store::StoreError};
    use sea_orm::entity::prelude::*;

    use crate::values::{from_json, to_json};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "roles")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Uuid,
        pub name: String,
        pub description: Option<String>,
        pub permissions: Json,
        pub is_system: bool,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl TryFrom<&Role> for Model {
        type Error = StoreError;

        fn try_from(role: &Role) -> Result<Self, StoreError> {
            let Role { id, tenant_id, name, description, permissions, is_system, created_at, updated_at } =
                role.clone();
            let permissions = to_json(&permissions)?;
            Ok(Self {
                id: id.0,
                tenant_id: tenant_id.0,
                name,
                description,
                permissions,
                is_system,
                created_at,
                updated_at,
            })
        }
    }

    impl TryFrom<Model> for Role {
        type Error = StoreError;

        fn try_from(row: Model) -> Result<Self, StoreError> {
            let Model { id, tenant_id, name, description, permissions, is_system, created_at, updated_at } = row;
            let permissions = from_json(permissions)?;
            Ok(Self {
                id: id.into(),
                tenant_id: tenant_id.into(),
                name,
                description,
                permissions,
                is_system,
                created_at,
                updated_at,
            })
        }
    }
}

pub(crate) mod user_roles {
    use domain::{clock::Timestamp, identity::UserRole};
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "user_roles")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Uuid,
        pub user_id: Uuid,
        pub role_id: Uuid,
        pub assigned_at: Timestamp,
        pub assigned_by: Option<Uuid>,
        pub created_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl From<&UserRole> for Model {
        fn from(assignment: &UserRole) -> Self {
            let UserRole { id, tenant_id, user_id, role_id, assigned_at, assigned_by } = assignment.clone();
            Self {
                id: id.0,
                tenant_id: tenant_id.0,
                user_id: user_id.0,
                role_id: role_id.0,
                assigned_at,
                assigned_by: assigned_by.map(|id| id.0),
                created_at: assigned_at,
            }
        }
    }
}

pub(crate) mod sessions {
    use domain::{
        clock::Timestamp,
        identity::{Session, TokenHash},
        store::StoreError,
    };
    use sea_orm::entity::prelude::*;

    use crate::values::{address, stored};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sessions")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Option<Uuid>,
        pub user_id: Uuid,
        pub token_hash: Option<String>,
        pub version: i64,
        pub ip_address: Option<String>,
        pub user_agent: Option<String>,
        pub expires_at: Timestamp,
        pub idle_expires_at: Timestamp,
        pub revoked_at: Option<Timestamp>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl From<&Session> for Model {
        fn from(session: &Session) -> Self {
            let Session {
                id,
                tenant_id,
                user_id,
                token_hash,
                version,
                ip_address,
                user_agent,
                expires_at,
                idle_expires_at,
                revoked_at,
                created_at,
                updated_at,
            } = session.clone();
            Self {
                id: id.0,
                tenant_id: tenant_id.map(|id| id.0),
                user_id: user_id.0,
                token_hash: token_hash.map(|hash| hash.as_str().to_owned()),
                version,
                ip_address: ip_address.map(|ip| ip.to_string()),
                user_agent,
                expires_at,
                idle_expires_at,
                revoked_at,
                created_at,
                updated_at,
            }
        }
    }

    impl TryFrom<Model> for Session {
        type Error = StoreError;

        fn try_from(row: Model) -> Result<Self, StoreError> {
            let Model {
                id,
                tenant_id,
                user_id,
                token_hash,
                version,
                ip_address,
                user_agent,
                expires_at,
                idle_expires_at,
                revoked_at,
                created_at,
                updated_at,
            } = row;
            Ok(Self {
                id: id.into(),
                tenant_id: tenant_id.map(Into::into),
                user_id: user_id.into(),
                token_hash: token_hash.map(|hash| stored(TokenHash::parse(&hash))).transpose()?,
                version,
                ip_address: address(ip_address)?,
                user_agent,
                expires_at,
                idle_expires_at,
                revoked_at,
                created_at,
                updated_at,
            })
        }
    }
}

pub(crate) mod refresh_tokens {
    use domain::{
        clock::Timestamp,
        identity::{RefreshToken, TokenHash},
        store::StoreError,
    };
    use sea_orm::entity::prelude::*;

    use crate::values::stored;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "refresh_tokens")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Option<Uuid>,
        pub user_id: Uuid,
        pub session_id: Uuid,
        pub token_hash: String,
        pub expires_at: Timestamp,
        pub used_at: Option<Timestamp>,
        pub created_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl From<&RefreshToken> for Model {
        fn from(token: &RefreshToken) -> Self {
            let RefreshToken { id, tenant_id, user_id, session_id, token_hash, expires_at, used_at, created_at } =
                token.clone();
            Self {
                id: id.0,
                tenant_id: tenant_id.map(|id| id.0),
                user_id: user_id.0,
                session_id: session_id.0,
                token_hash: token_hash.as_str().to_owned(),
                expires_at,
                used_at,
                created_at,
            }
        }
    }

    impl TryFrom<Model> for RefreshToken {
        type Error = StoreError;

        fn try_from(row: Model) -> Result<Self, StoreError> {
            let Model { id, tenant_id, user_id, session_id, token_hash, expires_at, used_at, created_at } = row;
            Ok(Self {
                id: id.into(),
                tenant_id: tenant_id.map(Into::into),
                user_id: user_id.into(),
                session_id: session_id.into(),
                token_hash: stored(TokenHash::parse(&token_hash))?,
                expires_at,
                used_at,
                created_at,
            })
        }
    }
}

pub(crate) mod api_keys {
    use domain::{
        clock::Timestamp,
        identity::{ApiKey, TokenHash},
        store::StoreError,
    };
    use sea_orm::entity::prelude::*;

    use crate::values::{from_json, stored, to_json};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "api_keys")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Uuid,
        pub user_id: Uuid,
        pub name: String,
        pub description: Option<String>,
        pub prefix: String,
        pub last_four: String,
        pub key_hash: String,
        pub scopes: Option<Json>,
        pub is_active: bool,
        pub expires_at: Option<Timestamp>,
        pub last_used_at: Option<Timestamp>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl TryFrom<&ApiKey> for Model {
        type Error = StoreError;

        fn try_from(key: &ApiKey) -> Result<Self, StoreError> {
            let ApiKey {
                id,
                tenant_id,
                user_id,
                name,
                description,
                prefix,
                last_four,
                key_hash,
                scopes,
                is_active,
                expires_at,
                last_used_at,
                created_at,
                updated_at,
            } = key.clone();
            Ok(Self {
                id: id.0,
                tenant_id: tenant_id.0,
                user_id: user_id.0,
                name,
                description,
                prefix,
                last_four,
                key_hash: key_hash.as_str().to_owned(),
                scopes: scopes.map(|scopes| to_json(&scopes)).transpose()?,
                is_active,
                expires_at,
                last_used_at,
                created_at,
                updated_at,
            })
        }
    }

    impl TryFrom<Model> for ApiKey {
        type Error = StoreError;

        fn try_from(row: Model) -> Result<Self, StoreError> {
            let Model {
                id,
                tenant_id,
                user_id,
                name,
                description,
                prefix,
                last_four,
                key_hash,
                scopes,
                is_active,
                expires_at,
                last_used_at,
                created_at,
                updated_at,
            } = row;
            Ok(Self {
                id: id.into(),
                tenant_id: tenant_id.into(),
                user_id: user_id.into(),
                name,
                description,
                prefix,
                last_four,
                key_hash: stored(TokenHash::parse(&key_hash))?,
                scopes: scopes.map(from_json).transpose()?,
                is_active,
                expires_at,
                last_used_at,
                created_at,
                updated_at,
            })
        }
    }
}
