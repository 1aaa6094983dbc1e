//! Causes in ONVIF's words: the topics `tns1:VideoSource/<word>/…` of the Imaging and Media services' events.

/// Cause → word. Causes that ONVIF has no word for (snow, compression, …) are not in the table.
const WORDS: [(&str, &str); 11] = [
    ("defocus_blur", "ImageTooBlurry"),
    ("motion_blur", "ImageTooBlurry"),
    ("glass_blur", "ImageTooBlurry"),
    ("pixelate", "ImageTooBlurry"),
    ("darkness", "ImageTooDark"),
    ("black", "ImageTooDark"),
    ("one_colour", "GlobalSceneChange"),
    ("drop", "GlobalSceneChange"),
    ("slate", "SignalLoss"),
    ("frozen", "SignalLoss"),
    ("lost", "SignalLoss"),
];

/// ONVIF's word for a cause.
pub fn word(cause: &str) -> Option<&'static str> {
    WORDS.iter().find(|(name, _)| *name == cause).map(|(_, word)| *word)
}
