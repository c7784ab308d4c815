//! The user.

use std::net::IpAddr;

use crate::{
    access::protected,
    clock::Timestamp,
    error::ValueError,
    ids::{TenantId, UserId},
};

/// Most characters of an e-mail address (RFC 5321, section 4.5.3.1).
const MAX_EMAIL_CHARS: usize = 254;
/// Most characters of a user name.
const MAX_USERNAME_CHARS: usize = 64;

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its tenant; `None` for superadmins only.
    pub tenant_id: Option<TenantId>,
    /// Unique in the installation among the living.
    pub email: Email,
    /// Unique in the tenant.
    pub username: Username,
    /// PHC string of the password; `None` when the user has none (single sign-on).
    pub password_hash: Option<String>,
    /// The name shown to others.
    pub display_name: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// An https URL of a picture.
    pub avatar_url: Option<String>,
    /// May sign in.
    pub is_active: bool,
    /// The address was shown to be the user's.
    pub email_verified: bool,
    /// When it was.
    pub email_verified_at: Option<Timestamp>,
    /// Last successful sign-in.
    pub last_login_at: Option<Timestamp>,
    /// Where it came from.
    pub last_login_ip: Option<IpAddr>,
    /// Requests allowed a day; `None`: no own limit.
    pub daily_request_quota: Option<i64>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

protected!(User: Identity, tenant |row| row.tenant_id, owner |row| Some(row.id), across Tenantless);

/// An e-mail address in lower case: one `@`, something on both sides, a dot in the domain, no spaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Parses an address; compared without case, so it is kept in lower case.
    ///
    /// # Errors
    /// `not_an_email` for the field `email`.
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        let value = value.trim().to_lowercase();
        let valid = value.chars().count() <= MAX_EMAIL_CHARS
            && !value.chars().any(|c| c.is_whitespace() || c.is_control())
            && value.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty()
                    && !domain.contains('@')
                    && domain.split('.').count() >= 2
                    && domain.split('.').all(|label| !label.is_empty())
            });
        if valid {
            Ok(Self(value))
        } else {
            Err(ValueError::new("email", "not_an_email", "must be an e-mail address, such as 'ada@example.com'"))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user name in lower case: letters, digits, `.`, `_` and `-`, 1 to 64, starting with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Username(String);

impl Username {
    /// Parses a user name; compared without case, so it is kept in lower case.
    ///
    /// # Errors
    /// `not_a_username` for the field `username`.
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        let value = value.trim().to_lowercase();
        let valid = value.chars().count() <= MAX_USERNAME_CHARS
            && value.chars().next().is_some_and(char::is_alphanumeric)
            && value.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if valid {
            Ok(Self(value))
        } else {
            let message = "must be 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or digit";
            Err(ValueError::new("username", "not_a_username", message))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_are_parsed_loosely_and_kept_in_lower_case() {
        assert_eq!(Email::parse(" Ada@Example.COM ").unwrap().as_str(), "ada@example.com");
        for value in ["", "a", "a@b", "@b.c", "a@b.", "a@@b.c", "a b@c.d", "a@b..c", "a@b.c\0"] {
            assert!(Email::parse(value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn usernames_never_look_like_emails() {
        assert_eq!(Username::parse("Ada.L-1").unwrap().as_str(), "ada.l-1");
        for value in ["", ".ada", "ada@x", "a b", &"a".repeat(65)] {
            assert!(Username::parse(value).is_err(), "{value:?}");
        }
    }
}
