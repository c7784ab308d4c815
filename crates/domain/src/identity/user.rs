//! The user.

use std::net::IpAddr;

use crate::{
    access::protected,
    clock::Timestamp,
    error::ValueError,
    ids::{TenantId, UserId},
    text,
};

/// Most characters of an e-mail address (RFC 5321, section 4.5.3.1).
pub const MAX_EMAIL_CHARS: usize = 254;
/// Most characters of a user name.
pub const MAX_USERNAME_CHARS: usize = 64;

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its tenant; `None` for superadmins only.
    pub tenant_id: Option<TenantId>,
    /// Unique in the tenant among the living, and among superadmins.
    pub email: Email,
    /// Unique in the tenant.
    pub username: Username,
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

/// An e-mail address in its one form: one `@`, something on both sides, a dot in the domain, no spaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Parses an address; it is compared and kept without case, in the one form of [`text::identifier`].
    ///
    /// # Errors
    /// `not_an_email`, or `deceptive` for what looks like another address, for the field `email`.
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        let value = text::identifier(value);
        let parts = value.split_once('@').filter(|(local, domain)| {
            !local.is_empty()
                && !domain.contains('@')
                && domain.split('.').count() >= 2
                && domain.split('.').all(|label| !label.is_empty())
        });
        let is_plain =
            value.chars().count() <= MAX_EMAIL_CHARS && !value.chars().any(|c| c.is_whitespace() || c.is_control());
        match parts {
            Some((local, domain)) if is_plain => {
                if text::is_deceptive(local) || domain.split('.').any(text::is_deceptive) {
                    return Err(deceptive("email"));
                }
            }
            _ => {
                let message = "must be an e-mail address, such as 'ada@example.com'";
                return Err(ValueError::new("email", "not_an_email", message));
            }
        }
        Ok(Self(value))
    }

    /// One that was let in before, maybe by a version that asked for less.
    #[must_use]
    pub fn from_stored(value: String) -> Self {
        Self(value)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user name in its one form: letters, digits, `.`, `_` and `-`, 1 to 64, starting with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Username(String);

impl Username {
    /// Parses a user name; it is compared and kept without case, in the one form of [`text::identifier`].
    ///
    /// # Errors
    /// `not_a_username`, or `deceptive` for what looks like another name, for the field `username`.
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        let value = text::identifier(value);
        let valid = value.chars().count() <= MAX_USERNAME_CHARS
            && value.chars().next().is_some_and(char::is_alphanumeric)
            && value.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if !valid {
            let message = "must be 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or digit";
            return Err(ValueError::new("username", "not_a_username", message));
        }
        if text::is_deceptive(&value) {
            return Err(deceptive("username"));
        }
        Ok(Self(value))
    }

    /// A user name made out of an address: what stands before the `@`, with one `-` for each run of letters that no
    /// name has; `admin` where nothing is left. [`Username::parse`] lets it in.
    #[must_use]
    pub fn of_email(email: &Email) -> Self {
        let local = email.as_str().split('@').next().unwrap_or_default();
        let in_names = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_');
        let parts: Vec<&str> = local.split(|letter| !in_names(letter)).filter(|part| !part.is_empty()).collect();
        let name: String = parts.join("-").trim_matches(['.', '_', '-']).chars().take(MAX_USERNAME_CHARS).collect();
        Self::parse(&name).unwrap_or_else(|_| Self("admin".to_owned()))
    }

    /// One that was let in before, maybe by a version that asked for less.
    #[must_use]
    pub fn from_stored(value: String) -> Self {
        Self(value)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn deceptive(field: &'static str) -> ValueError {
    ValueError::new(field, "deceptive", "must not hide characters, nor mix letters of scripts that look alike")
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
        assert_eq!(Email::parse("Ａda@example.com").unwrap().as_str(), "ada@example.com");
        // A Cyrillic letter, a direction, a width of zero.
        for value in ["аda@example.com", "ada@exаmple.com", "ada@example\u{202e}.com", "a\u{200b}da@example.com"] {
            assert_eq!(Email::parse(value).unwrap_err().code, "deceptive", "{value:?}");
        }
    }

    #[test]
    fn every_address_gives_a_user_name() {
        let name = |email: &str| Username::of_email(&Email::parse(email).unwrap()).0;
        for (email, expected) in [
            ("Ada@example.com", "ada"),
            ("ada+banyan@example.com", "ada-banyan"),
            ("ada.l_1-x@example.com", "ada.l_1-x"),
            ("_ada@example.com", "ada"),
            ("o'brien&sons@example.com", "o-brien-sons"),
            ("+@example.com", "admin"),
            ("..@example.com", "admin"),
            ("jürgen@example.com", "jürgen"),
            ("\"a\"@example.com", "a"),
        ] {
            assert_eq!(name(email), expected, "{email}");
        }
        for local in ["a".repeat(200), format!("{}+x", "b".repeat(63)), "{}|~^`$!#%*/=?".to_owned(), "1".to_owned()] {
            let name = name(&format!("{local}@example.com"));
            assert_eq!(Username::parse(&name).map(|parsed| parsed.0), Ok(name), "{local}");
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
