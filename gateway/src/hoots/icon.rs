//! A state's icon: each has a shape of its own, so that it is told without colour.

use super::model::HootState;

/// What is drawn: a hoot's state, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    Of(HootState),
    Unknown,
}

impl Face {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Of(state) => state.name(),
            Self::Unknown => "unknown",
        }
    }

    /// The ground that the icon stands on.
    pub const fn ground(self) -> &'static str {
        match self {
            Self::Of(HootState::Happy) => "#1a7f37",
            Self::Of(HootState::Sad) => "#f2c037",
            Self::Of(HootState::Sick) => "#cf222e",
            Self::Of(HootState::Neutral) => "#0969da",
            Self::Of(HootState::Disabled) | Self::Unknown => "#6e7781",
        }
    }

    /// The shape; yellow takes a dark one.
    pub const fn shape_colour(self) -> &'static str {
        match self {
            Self::Of(HootState::Sad) => "#24292f",
            _ => "#fff",
        }
    }

    /// The shape and the mark in it, 24 wide and 20 high, as paths.
    pub const fn paths(self) -> (&'static str, &'static str) {
        match self {
            // A disc with a tick.
            Self::Of(HootState::Happy) => ("M12 4a6 6 0 1 1 0 12a6 6 0 0 1 0-12z", "M9.3 10.2l1.9 1.9l3.6-4"),
            // A triangle with an exclamation mark.
            Self::Of(HootState::Sad) => ("M12 3.4l6.9 12.2h-13.8z", "M12 7.8v3.4M12 13.4v.1"),
            // An octagon with a cross.
            Self::Of(HootState::Sick) => (
                "M9.5 4h5l3.5 3.5v5l-3.5 3.5h-5l-3.5-3.5v-5z",
                "M9.9 7.9l4.2 4.2M14.1 7.9l-4.2 4.2",
            ),
            // A diamond with a dash.
            Self::Of(HootState::Neutral) => ("M12 3.2l6.8 6.8l-6.8 6.8l-6.8-6.8z", "M9.5 10h5"),
            // A bar with a gap: switched off.
            Self::Of(HootState::Disabled) => ("M6 7.5h12v5h-12z", "M10 10h4"),
            // A square with a question mark.
            Self::Unknown => (
                "M6 4h12v12h-12z",
                "M10.2 8.2a1.9 1.9 0 1 1 2.7 1.7q-.9 .4-.9 1.2M12 13.4v.1",
            ),
        }
    }

    /// Appends both paths.
    pub fn push_to(self, svg: &mut String) {
        let (shape, mark) = self.paths();
        let (fill, stroke) = (self.shape_colour(), self.ground());
        svg.push_str(&format!(
            "<path d=\"{shape}\" fill=\"{fill}\" stroke=\"{fill}\" stroke-width=\".6\" stroke-linejoin=\"round\"/>\
             <path d=\"{mark}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"1.8\" stroke-linecap=\"round\" \
             stroke-linejoin=\"round\"/>"
        ));
    }
}
