"""The errors napari-sam raises; each message says what happened and what to do."""


class NapariSamError(Exception):
    """Base of every error that napari-sam raises on purpose; its message is one sentence for the user."""


class PromptError(NapariSamError, ValueError):
    """A prompt is empty, contradictory or outside the image."""


class ImageError(NapariSamError, ValueError):
    """An image has a shape, dtype or content that cannot be segmented."""


class WeightsError(NapariSamError):
    """A checkpoint cannot be found, read, verified or matched to an architecture."""


class DownloadError(WeightsError):
    """A checkpoint could not be downloaded; the cache is as it was before."""


class OutOfMemoryError(NapariSamError):
    """The device ran out of memory."""


class DataError(NapariSamError, ValueError):
    """A folder of images and labels, or a training configuration, is unusable."""


class DiskFullError(DataError):
    """There is no room for what is to be written; what was finished before is kept."""


class JournalError(NapariSamError):
    """A journal cannot be read or written."""


class KeymapError(NapariSamError, ValueError):
    """A key cannot be heard, or does something else already."""


class Cancelled(NapariSamError):
    """The user cancelled the work."""


class WorseModelError(NapariSamError):
    """Training left a model worse than it was, so it is not put in the old one's place."""


class DifferentMasksError(NapariSamError):
    """A journal's masks could not be made again as they were."""
