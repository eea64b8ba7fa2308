"""Why a document is not read, as callers see it."""

from converto.kernel.errors import Error, Internal, Invalid, TimedOut, TooLarge, Unavailable, Unsupported


class EmptyFile(Invalid):
    """No bytes at all."""

    code = "ocr.empty_file"
    message = "The file is empty; choose another, or take the picture again."


class FileTooLarge(TooLarge):
    """More bytes than are read."""

    code = "ocr.file_too_large"
    message = "The file has {bytes} bytes and at most {max_bytes} are read; save the picture smaller."


class UnsupportedFile(Unsupported):
    """A kind of file that is not read here."""

    code = "ocr.unsupported_file"
    message = "This is {found}, which is not read here; send a JPEG, PNG, WebP, TIFF or HEIC picture, or a PDF."


class DamagedFile(Invalid):
    """The beginning says what it is, the rest does not hold."""

    code = "ocr.damaged_file"
    message = "The {kind} file is damaged or cut off; send it again, or save it anew."


class HarmfulFile(Invalid):
    """Two kinds of file in one, or the test pattern of virus scanners: never an honest picture."""

    code = "ocr.harmful_file"
    message = "The {kind} file also holds {found}; send a plain picture or PDF."


class TooManyPixels(Invalid):
    """A picture larger than any document needs."""

    code = "ocr.too_many_pixels"
    message = "The picture has {width} x {height} pixels and at most {max_pixels} in all are read; save it smaller."


class TooSmall(Invalid):
    """A picture in which no letter has room."""

    code = "ocr.too_small"
    message = "The picture has {width} x {height} pixels, which is too small to read; take a new one, closer."


class TooManyPages(Invalid):
    """More pages than are read at once."""

    code = "ocr.too_many_pages"
    message = "The document has {pages} pages and at most {max_pages} are read; split it."


class EncryptedPdf(Invalid):
    """A PDF that asks for a password."""

    code = "ocr.encrypted_pdf"
    message = "The PDF is protected by a password; save it without one."


class UnknownLanguage(Invalid):
    """A language whose data Tesseract does not have here."""

    code = "ocr.unknown_language"
    message = "There is no reading in {language!r} here; choose from {installed}, for example fin+eng."


class EngineMissing(Invalid):
    """An engine that was asked for by name and is not installed."""

    code = "ocr.engine_missing"
    message = "{engine} is not installed here: pip install 'converto[ocr-accurate]', or choose engine=auto or engine=tesseract."


class ReaderMissing(Unavailable):
    """Tesseract itself is missing or cannot start."""

    code = "ocr.reader_missing"
    message = "The reader (tesseract) does not start on this machine; install tesseract-ocr with the languages fin, swe and eng."


class ReaderFailed(Invalid):
    """Tesseract gave up on a page."""

    code = "ocr.reader_failed"
    message = "The reader gave up on a page: {reason}. Take the picture again, or save it as PNG."


class TookTooLong(TimedOut):
    """A document that was still being read when its time was up."""

    code = "ocr.took_too_long"
    message = "Reading took longer than {timeout_s} s; split the document, or save its pictures smaller."


class TooMuchMemory(Invalid):
    """A document that needs more memory than one reading may take."""

    code = "ocr.too_much_memory"
    message = "The document needs more memory than one reading may take; save its pictures smaller."


class EncryptedMember(Invalid):
    """A file in an archive that asks for a password."""

    code = "ocr.encrypted_member"
    message = "The file is protected by a password; pack it without one."


class NestedArchive(Invalid):
    """An archive in an archive."""

    code = "ocr.nested_archive"
    message = "This is an archive within an archive; unpack it first."


class TooCompressed(Invalid):
    """A file that grows more than any document does."""

    code = "ocr.too_compressed"
    message = "The file is {ratio} times as large as in the archive, and at most {max_ratio} times is taken; send it by itself."


class UnsafePath(Invalid):
    """A name in an archive that leads out of it, or a link."""

    code = "ocr.unsafe_path"
    message = "The name leads out of the archive, or is a link; pack the file itself."


class Folder(Invalid):
    """A folder in an archive, which has nothing to read: passed over."""

    code = "ocr.folder"
    message = "A folder is passed over; the files in it are not."


class HiddenFile(Invalid):
    """What systems leave in folders for themselves: passed over."""

    code = "ocr.hidden_file"
    message = "A hidden file is passed over."


class TooManyFiles(Invalid):
    """More files than are taken at once."""

    code = "ocr.too_many_files"
    message = "There are more than {max_files} files; send them in several batches."


class ArchiveTooLarge(TooLarge):
    """More bytes than are taken at once, once they are unpacked."""

    code = "ocr.archive_too_large"
    message = "Unpacked there are more than {max_bytes} bytes; send them in several batches."


class NothingToRead(Invalid):
    """Several files of which none can be read; `refused` says why."""

    code = "ocr.nothing_to_read"
    message = "None of the {count} files can be read; `refused` says why."


class ReaderStopped(Internal):
    """The process that read a document ended without an answer."""

    code = "ocr.reader_stopped"
    message = "The reader stopped while it read this document, which may be damaged; save it anew and try again."


REFUSALS: tuple[type[Error], ...] = (
    EmptyFile,
    FileTooLarge,
    UnsupportedFile,
    DamagedFile,
    HarmfulFile,
    TooManyPixels,
    TooSmall,
    TooManyPages,
    EncryptedPdf,
    UnknownLanguage,
    EngineMissing,
    ReaderMissing,
)
"""What an upload may be refused with."""

BATCH_REFUSALS: tuple[type[Error], ...] = (NothingToRead, TooManyFiles, ArchiveTooLarge, DamagedFile, UnknownLanguage, ReaderMissing)
"""What several files may be refused with as a whole."""
