"""The stable codes that say why a member was skipped or has failed, or what is wrong with an archive.

A code, once released, keeps its meaning. ``docs/reasons.md`` is written from this table.
"""

from __future__ import annotations

__all__ = ["REASONS"]

#: Code -> what it means, in one sentence.
REASONS: dict[str, str] = {
    # Skipped: nothing is wrong, and nothing was stored.
    "directory": "A directory entry; it holds no bytes.",
    "excluded": "Left out by --include or --exclude.",
    "link": "A symbolic or hard link; links are never followed.",
    "platform_junk": "A file that an operating system leaves behind, such as __MACOSX/ or .DS_Store.",
    "policy": "No processor reads this kind of content, and the policy for such members is to skip them.",
    "special": "A device, a FIFO or a socket; it is never opened.",
    "archive": "An archive inside an archive that was opened; its members have rows of their own.",
    # Failed in the archive layer.
    "crc_mismatch": "The bytes read do not have the checksum that the archive announces.",
    "encrypted": "The member is encrypted.",
    "header_checksum": "A tar header whose checksum is wrong.",
    "header_damaged": "A header that contradicts itself or the archive's directory.",
    "name_too_long": "The member's name is longer than the limit.",
    "not_an_archive": "The file's first bytes are of no known archive, and it holds nothing else that can be read.",
    "overlap": "The member shares bytes of the archive with another member.",
    "payload_damaged": "The compressed bytes cannot be decompressed.",
    "size_mismatch": "The member has more or fewer bytes than the archive announces.",
    "trailing_data": "Bytes that belong to nothing follow the archive's end.",
    "truncated": "The archive or the member ends early.",
    "unreadable": "The operating system could not read the bytes.",
    "unsupported_method": "The member is compressed by a method that is not supported.",
    "unsupported_tar_type": "A tar entry of a type that is not supported, such as a sparse file.",
    "unsupported_archive": "An archive of a kind that is not read, such as RAR or 7-Zip.",
    "unverified": "The content has a checksum of a kind that is not known; it was read, but nothing has verified it.",
    # Failed at a limit.
    "limit_archive_bytes": "All members of the source together are larger than the limit.",
    "limit_header_bytes": "A special header of a tar, or the header of a gzip file, is longer than the limit.",
    "limit_nesting": "An archive that lies deeper inside others than the limit.",
    "limit_entries": "The archive has more members than the limit.",
    "limit_field_bytes": "A CSV field or a JSON text is longer than the limit.",
    "limit_json_depth": "JSON that is nested more deeply than the limit.",
    "limit_member_bytes": "The member is larger than the limit.",
    "limit_pixels": "A picture with more pixels than the limit.",
    "limit_ratio": "The member expands by more than the limit allows.",
    "limit_rows": "The member has more rows or fields than the limit.",
    # Failed in the content layer.
    "empty": "The member has no bytes, or a table no columns, and its kind of content needs some.",
    "hdf5_external": "An HDF5 file with links, storage or virtual datasets in other files, which are never opened.",
    "hdf5_filter": "An HDF5 dataset that needs a filter plug-in, which is never loaded.",
    "inconsistent_rows": "Arrays of one member that share a dimension have different lengths.",
    "invalid_array": "Not a valid .npy or .npz file.",
    "invalid_csv": "Not a valid CSV or TSV file.",
    "invalid_json": "Not valid JSON.",
    "invalid_text": "The text cannot be decoded.",
    "not_decodable": "The content is of a known kind, but it cannot be decoded.",
    "ragged_row": "A row of a table with more or fewer fields than its header.",
    "refused_dtype": "An array of Python objects, of a type that cannot be stored, or of more than 32 axes.",
    "refused_format": "A format that is never opened, for safety.",
    "truncated_image": "The picture ends early.",
    # Failed in the run.
    "processor_error": "The processor raised an error that it does not document.",
    "worker_died": "The worker process died twice while it had this member in hand.",
    "timeout": "The member took longer than the limit.",
    "limit_memory": "The member needs more memory than the limit.",
}
