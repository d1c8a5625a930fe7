package lifecycle

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// export writes families down before they are deleted: one JSON object a line, {"collection",
// "_id", "document"}, in a file of the batch's. A crash may leave a family in it twice.
func (l *Lifecycle) export(ctx context.Context, b *Batch, families []*family) (err error) {
	if err := os.MkdirAll(l.Export, 0o700); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(l.Export, b.ID+".jsonl.gz"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	zip := gzip.NewWriter(file)
	for _, f := range families {
		for _, d := range f.jobs {
			if err := line(zip, store.Jobs, d); err != nil {
				return err
			}
		}
		for _, w := range f.rest {
			d, err := l.Store.Get(ctx, w.Collection, w.ID)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return fmt.Errorf("export: %w", err)
			}
			if err := line(zip, w.Collection, d); err != nil {
				return err
			}
		}
	}
	if err := zip.Close(); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return file.Sync()
}

func line(zip *gzip.Writer, collection string, d store.Doc) error {
	v, err := value.ParseLast(d.Body)
	if err != nil {
		return fmt.Errorf("export %s %s: %w", collection, d.ID, err)
	}
	doc := value.Object("collection", value.String(collection), "_id", value.String(d.ID), "document", v)
	if _, err := zip.Write(append(doc.AppendJSON(nil), '\n')); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}
