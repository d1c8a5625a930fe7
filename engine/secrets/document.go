package secrets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

func notFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

func (s *Secrets) commit(ctx context.Context, m Secret, sealed string, expect int64) error {
	doc := value.Object("_id", value.String(m.Name), "name", value.String(m.Name), "sealed", value.String(sealed),
		"created", value.Time(m.Created), "createdBy", value.String(m.CreatedBy), "lastUpdated", value.Time(m.Updated), "lastUpdatedBy", value.String(m.UpdatedBy))
	c, err := s.schema.Collection(store.Secrets)
	if err != nil {
		return err
	}
	err = s.store.Commit(ctx, store.Batch{{Collection: store.Secrets, ID: m.Name, Expect: expect, Body: doc.AppendJSON(nil), Index: c.IndexOf(doc)}})[0]
	if err != nil {
		return fmt.Errorf("store secret %q: %w", m.Name, err)
	}
	return nil
}

// read describes a stored secret.
func read(d store.Doc) (Secret, error) {
	v, err := value.ParseLast(d.Body)
	if err != nil {
		return Secret{}, fmt.Errorf("stored secret %q: %w", d.ID, err)
	}
	m := Secret{Name: d.ID, CreatedBy: v.Get("createdBy").Text(), UpdatedBy: v.Get("lastUpdatedBy").Text()}
	m.Created, _ = time.Parse(value.TimeLayout, v.Get("created").Text()) // the zero time if it is not one
	m.Updated, _ = time.Parse(value.TimeLayout, v.Get("lastUpdated").Text())
	return m, nil
}
