//! Colours for stages that can be told apart: on white and on black, beside each other, and by people who see no
//! red or green.

/// Hues, in degrees: evenly spread for the eye, without the reds, which mean failure.
const HUES: usize = 9;
const FIRST_HUE: f64 = 62.0;
const HUE_STEP: f64 = 36.0;
/// From one stage to the next: coprime to the number of hues, and about half way round.
const LEAP: usize = 4;
/// Both stand out from a white page and from a black one.
const LIGHTNESS: [f64; 2] = [0.645, 0.52];
/// As colourful as every hue can be at both.
const CHROMA: f64 = 0.13;
/// So many colours there are; then they come again under another pattern.
const COLOURS: usize = HUES * LIGHTNESS.len();
/// Patterns: none, and those that `style.css` has as `.p1` to `.p3`.
const PATTERNS: usize = 4;

/// What a stage looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StageColour {
    pub(crate) red: u8,
    pub(crate) green: u8,
    pub(crate) blue: u8,
    pub(crate) pattern: usize,
}

impl StageColour {
    /// The look of the stage with this index. No two of the first 72 look the same.
    pub(crate) fn of(index: usize) -> Self {
        let colour = index % COLOURS;
        let hue = FIRST_HUE + (colour * LEAP % HUES) as f64 * HUE_STEP;
        // Neighbours differ in lightness too, and so do the two that share a hue: the number of hues is odd.
        let lightness = LIGHTNESS[colour % LIGHTNESS.len()];
        let [red, green, blue] = within_gamut(lightness, hue.to_radians());
        Self {
            red,
            green,
            blue,
            pattern: index / COLOURS % PATTERNS,
        }
    }

    /// As CSS writes it.
    pub(crate) fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

/// The colour, as colourful as the screen can show it.
fn within_gamut(lightness: f64, hue: f64) -> [u8; 3] {
    let mut chroma = CHROMA;
    loop {
        let linear = from_oklch(lightness, chroma, hue);
        if chroma <= 0.0 || linear.iter().all(|part| (0.0..=1.0).contains(part)) {
            return linear.map(encoded);
        }
        chroma -= 0.005;
    }
}

/// Björn Ottosson's Oklab, in which equal distances look equal; to linear sRGB.
fn from_oklch(lightness: f64, chroma: f64, hue: f64) -> [f64; 3] {
    let (a, b) = (chroma * hue.cos(), chroma * hue.sin());
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ]
}

fn encoded(linear: f64) -> u8 {
    let part = match linear <= 0.003_130_8 {
        true => linear * 12.92,
        false => 1.055 * linear.powf(1.0 / 2.4) - 0.055,
    };
    // It is clamped to what fits.
    (part * 255.0).round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(part: u8) -> f64 {
        let part = f64::from(part) / 255.0;
        match part <= 0.040_45 {
            true => part / 12.92,
            false => ((part + 0.055) / 1.055).powf(2.4),
        }
    }

    fn oklab(colour: StageColour) -> [f64; 3] {
        let [r, g, b] = [colour.red, colour.green, colour.blue].map(linear);
        let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
        let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
        let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
        [
            0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
            1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
            0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
        ]
    }

    fn distance(one: StageColour, other: StageColour) -> f64 {
        let (one, other) = (oklab(one), oklab(other));
        let squares = one.iter().zip(other).map(|(a, b)| (a - b).powi(2));
        squares.sum::<f64>().sqrt()
    }

    fn luminance(colour: StageColour) -> f64 {
        let [r, g, b] = [colour.red, colour.green, colour.blue].map(linear);
        0.212_6 * r + 0.715_2 * g + 0.072_2 * b
    }

    fn contrast(one: f64, other: f64) -> f64 {
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn no_two_stages_look_alike() {
        let all: Vec<StageColour> = (0..COLOURS * PATTERNS).map(StageColour::of).collect();
        for (index, one) in all.iter().enumerate() {
            for (other_index, other) in all.iter().enumerate().skip(index + 1) {
                // 0.02 is what the eye just notices.
                assert!(
                    one.pattern != other.pattern || distance(*one, *other) > 0.05,
                    "{index} {one:?} and {other_index} {other:?}: {}",
                    distance(*one, *other)
                );
            }
        }
        for pair in all.windows(2) {
            assert!(distance(pair[0], pair[1]) > 0.15, "neighbours: {pair:?}");
        }
    }

    #[test]
    fn every_stage_stands_out_from_both_pages() {
        let paper = |text: &str| {
            let part = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            let (red, green, blue) = (part(0), part(2), part(4));
            luminance(StageColour {
                red,
                green,
                blue,
                pattern: 0,
            })
        };
        for page in ["ffffff", "14171b"] {
            for index in 0..COLOURS {
                let colour = StageColour::of(index);
                let contrast = contrast(luminance(colour), paper(page));
                assert!(
                    contrast >= 3.0,
                    "{index} {colour:?} on {page}: {contrast:.2}"
                );
            }
        }
    }
}
