package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/heliograph/heliograph/internal/errs"
)

// CompleteUpload implements [UploadStore]. The object names the upload it came
// from, so a completion whose answer got lost can be repeated, also after a
// restart.
func (d *Dir) CompleteUpload(ctx context.Context, ref UploadRef, parts []Part, opt PutOptions) (ObjectInfo, error) {
	defer d.uploads.lock(ref.ID)()
	b, up, err := d.find(ctx, ref)
	if errs.CodeOf(err) == CodeNoSuchUpload {
		if info, ok := b.madeBy(ref); ok {
			return info, nil
		}
	}
	if err != nil {
		return ObjectInfo{}, err
	}
	if err := checkOrder(parts); err != nil {
		return ObjectInfo{}, err
	}
	if err := b.checkConditions(ref.Key, opt); err != nil {
		return ObjectInfo{}, err
	}
	s, err := d.stage()
	if err != nil {
		return ObjectInfo{}, err
	}
	defer s.discard()
	parts, err = s.assemble(ctx, b, up, parts)
	if err != nil {
		return ObjectInfo{}, err
	}
	info, err := completedInfo(up, parts, opt.Checksums)
	if err != nil {
		return ObjectInfo{}, err
	}
	info.Size = s.size
	if info, err = d.publishObject(b, s, info, opt, ref.ID); err != nil {
		return ObjectInfo{}, err
	}
	if err := d.removeUpload(b, ref.ID); err != nil {
		return ObjectInfo{}, storageError(err, "remove the parts of upload "+ref.ID)
	}
	return info, nil
}

// madeBy returns the object of ref's key if ref's upload made it.
func (b *bucket) madeBy(ref UploadRef) (ObjectInfo, bool) {
	if b == nil || CheckKey(ref.Key) != nil {
		return ObjectInfo{}, false
	}
	f, content, size, err := openSealed(b.file(objectPath(ref.Key)))
	if err != nil {
		return ObjectInfo{}, false
	}
	f.Close()
	info, err := objectFromFields(ref.Bucket, ref.Key, content, size)
	return info, err == nil && content[fieldUpload] == ref.ID && ref.ID != ""
}

func checkOrder(parts []Part) error {
	if len(parts) == 0 {
		return errs.New(errs.Invalid, CodeMalformedXML, "You must specify at least one part to complete a multipart upload.")
	}
	for i, p := range parts {
		if p.Number < 1 || p.Number > MaxParts {
			return errs.New(errs.Invalid, CodeInvalidArgument, "Part number must be an integer between 1 and %d, inclusive; it is %d.", MaxParts, p.Number)
		}
		if i > 0 && p.Number <= parts[i-1].Number {
			return errs.New(errs.Invalid, CodeInvalidPartOrder,
				"The list of parts was not in ascending order: part %d follows part %d.", p.Number, parts[i-1].Number)
		}
	}
	return nil
}

// assemble appends the wanted parts' bytes and returns the parts as they are. The
// first look at all of them comes before the first byte is copied.
func (s *staged) assemble(ctx context.Context, b *bucket, up Upload, wanted []Part) ([]Part, error) {
	parts := make([]Part, len(wanted))
	for i, want := range wanted {
		part, err := b.checkPart(up, want)
		if err != nil {
			return nil, err
		}
		parts[i] = part
	}
	for _, part := range parts[:len(parts)-1] {
		if part.Size < MinPartSize {
			return nil, errs.New(errs.Invalid, CodeEntityTooSmall,
				"Your proposed upload is smaller than the minimum allowed size: part %d has %d bytes; all but the last need %d.", part.Number, part.Size, MinPartSize)
		}
	}
	for _, part := range parts {
		f, now, err := openPart(up, b.upload(up.ID), part.Number)
		if err != nil {
			return nil, storageError(err, fmt.Sprintf("read part %d of upload %s", part.Number, up.ID))
		}
		if now.ETag != part.ETag {
			err = invalidPart(part.Number, "it was uploaded again meanwhile")
		} else {
			err = s.appendFile(ctx, f, part.Size)
		}
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return parts, nil
}

func (b *bucket) checkPart(up Upload, want Part) (Part, error) {
	f, part, err := openPart(up, b.upload(up.ID), want.Number)
	if errors.Is(err, fs.ErrNotExist) {
		return Part{}, invalidPart(want.Number, "it was not uploaded")
	}
	if err != nil {
		return Part{}, storageError(err, fmt.Sprintf("read part %d of upload %s", want.Number, up.ID))
	}
	f.Close()
	if etag := normalETag(want.ETag); etag != "" && etag != part.ETag {
		return Part{}, invalidPart(want.Number, fmt.Sprintf("its entity tag is %q, not %q", part.ETag, etag))
	}
	for name, sum := range want.Checksums {
		if err := CheckChecksum(name, sum); err != nil {
			return Part{}, err
		}
		if have := part.Checksums[name]; have != "" && have != sum {
			return Part{}, invalidPart(want.Number, fmt.Sprintf("its %s checksum is %s, not %s", name, have, sum))
		}
	}
	return part, nil
}

func invalidPart(number int, why string) error {
	return errs.New(errs.Invalid, CodeInvalidPart,
		"One or more of the specified parts could not be used: part %d: %s. Upload the part again, or name the parts that were acknowledged.", number, why)
}

// completedInfo describes the object made of parts. Each expected checksum, of
// whichever type, must be the one the parts give.
func completedInfo(up Upload, parts []Part, expected map[string]string) (ObjectInfo, error) {
	info := newObjectInfo(up.Bucket, up.Key, up.Options)
	var err error
	if info.ETag, err = multipartETag(parts); err != nil {
		return info, errs.Wrap(err, errs.Internal, "", "complete upload %s", up.ID)
	}
	info.Parts = len(parts)
	for _, p := range parts {
		info.PartSizes = append(info.PartSizes, p.Size)
	}
	info.Checksums = map[string]string{}
	for _, name := range up.Options.Algorithms {
		if info.Checksums[name], err = multipartChecksum(name, parts, up.Options.FullObject); err != nil {
			return info, errs.Wrap(err, errs.Internal, "", "complete upload %s", up.ID)
		}
	}
	for name, want := range expected {
		have, ok := info.Checksums[name]
		if !ok {
			return info, errs.New(errs.Invalid, CodeInvalidRequest,
				"The upload was created without the checksum algorithm %s, so its checksum can't be compared.", name)
		}
		if have != want {
			return info, badDigest(name, want, have)
		}
	}
	return info, nil
}
