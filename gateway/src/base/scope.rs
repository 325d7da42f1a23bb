//! The 15 scopes: what a key may do.

use std::fmt;

macro_rules! scopes {
    ($($scope:ident $name:literal $description:literal;)*) => {
        /// One permission that a key can hold.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Scope { $(#[doc = $description] $scope),* }

        impl Scope {
            /// Every scope, in the order of the contract.
            pub const ALL: &'static [Scope] = &[$(Scope::$scope),*];

            /// The public name, such as `crm:read`.
            pub const fn name(self) -> &'static str {
                match self { $(Scope::$scope => $name),* }
            }

            /// One line for people who choose scopes.
            pub const fn description(self) -> &'static str {
                match self { $(Scope::$scope => $description),* }
            }
        }
    };
}

scopes! {
    CrmRead "crm:read" "Read contacts, accounts and deals.";
    CrmWrite "crm:write" "Create, change and delete contacts, accounts and deals.";
    CommerceRead "commerce:read" "Read products.";
    CommerceWrite "commerce:write" "Create, change and delete products.";
    EventsRead "events:read" "Read events, their deliveries and the event types.";
    EventsWrite "events:write" "Send events and add event types.";
    WebhooksRead "webhooks:read" "Read webhooks and their delivery log.";
    WebhooksWrite "webhooks:write" "Create, change, test and delete webhooks, and redeliver.";
    ImportsRead "imports:read" "Read imports, their progress and their errors.";
    ImportsWrite "imports:write" "Start, cancel and undo imports.";
    SentriesRead "sentries:read" "Read sentries, hoots and their history.";
    SentriesWrite "sentries:write" "Create sentries and hoots and report their state.";
    KeysRead "keys:read" "Read API keys; never the keys themselves.";
    KeysWrite "keys:write" "Create, rotate, revoke and delete API keys.";
    AuditRead "audit:read" "Read the audit trail and the list of instances.";
}

impl Scope {
    /// The scope of that public name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.name() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// A set of scopes in two bytes, checked by one AND.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u16);

impl Scopes {
    /// All 15.
    pub fn all() -> Self {
        Scope::ALL.iter().copied().collect()
    }

    /// Whether `scope` is in the set.
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// The scopes of `self` that `other` has too.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The scopes of `self` that `other` lacks.
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes in the order of the contract.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL
            .iter()
            .copied()
            .filter(move |&scope| self.contains(scope))
    }

    /// The public names in the order of the contract.
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Scope::name).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | 1 << scope as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_fifteen_and_each_parses_to_itself() {
        assert_eq!(Scope::ALL.len(), 15);
        for &scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.name()), Some(scope));
        }
        assert_eq!(Scope::parse("*"), None);
        assert_eq!(Scopes::all().minus(Scopes::all()), Scopes::default());
    }
}
