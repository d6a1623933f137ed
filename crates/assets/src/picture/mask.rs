//! What a picture means as a mask.

use super::Decoded;

/// Colours that differ by less are a grey that was compressed.
const GREY: u8 = 12;

impl Decoded {
    /// Returns the picture as a mask: one byte a pixel, 255 is painted anew and 0 stays.
    ///
    /// It is its brightness. But where a file has transparent places and shows beside them either one colour alone or a
    /// coloured picture, as OpenAI has it, the transparent places are painted anew.
    #[must_use]
    pub fn into_mask(self) -> Vec<u8> {
        let rgb = self.pixels.rgb.as_chunks().0;
        let Some(alpha) = &self.alpha else { return rgb.iter().map(brightness).collect() };
        let seen = || rgb.iter().zip(alpha).filter(|(_, opaque)| **opaque == u8::MAX).map(|(colour, _)| colour);
        let is_one_colour = seen().next().is_none_or(|first| seen().all(|colour| colour == first));
        let is_grey = seen().all(|colour| spread(colour) < GREY);
        if is_one_colour || !is_grey {
            return alpha.iter().map(|opaque| u8::MAX - opaque).collect();
        }
        // The pixels lie on white; here they belong on black.
        rgb.iter().zip(alpha).map(|(colour, opaque)| brightness(colour).saturating_sub(u8::MAX - opaque)).collect()
    }
}

fn brightness([red, green, blue]: &[u8; 3]) -> u8 {
    let weighted = u32::from(*red) * 299 + u32::from(*green) * 587 + u32::from(*blue) * 114;
    u8::try_from((weighted + 500) / 1000).unwrap_or(u8::MAX)
}

fn spread(colour: &[u8; 3]) -> u8 {
    let (least, most) = colour.iter().fold((u8::MAX, 0), |(least, most), one| (least.min(*one), most.max(*one)));
    most - least
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Pixels;

    fn mask(rgb: &[[u8; 3]], alpha: Option<&[u8]>) -> Vec<u8> {
        let pixels = Pixels { width: rgb.len() as u32, height: 1, rgb: rgb.concat() };
        Decoded { pixels, alpha: alpha.map(<[u8]>::to_vec) }.into_mask()
    }

    const WHITE: [u8; 3] = [255; 3];

    #[test]
    fn without_transparency_brightness_counts() {
        assert_eq!(mask(&[WHITE, [0; 3], [128; 3]], None), [255, 0, 128]);
    }

    #[test]
    fn the_holes_of_one_colour_or_of_a_coloured_picture_are_painted_anew() {
        assert_eq!(mask(&[WHITE, WHITE, WHITE], Some(&[255, 0, 55])), [0, 255, 200]);
        assert_eq!(mask(&[[0; 3], WHITE], Some(&[255, 0])), [0, 255]);
        assert_eq!(mask(&[[200, 10, 10], WHITE, [10, 10, 200]], Some(&[255, 0, 255])), [0, 255, 0]);
        assert_eq!(mask(&[WHITE], Some(&[0])), [255]);
    }

    #[test]
    fn of_a_mask_in_greys_the_transparent_places_stay() {
        assert_eq!(mask(&[WHITE, [0; 3], WHITE], Some(&[255, 255, 0])), [255, 0, 0]);
    }
}
