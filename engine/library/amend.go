package library

import (
	"context"
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// AmendProject sets members of a project's document and leaves its components as they are.
// A name that is taken gives *ExistsError.
func (l *Library) AmendProject(ctx context.Context, key string, change value.Value, by string) (Stored, error) {
	s, err := l.Project(ctx, key)
	if err != nil {
		return s, err
	}
	doc := s.Doc
	for k, v := range change.Without("_id", "components", "created", "createdBy").Members() {
		doc = doc.With(k, v)
	}
	doc = doc.With("lastUpdated", value.Time(l.now())).With("lastUpdatedBy", value.String(by))
	err = l.store.Commit(ctx, store.Batch{{
		Collection: store.Projects, ID: s.ID(), Expect: s.Revision, Body: doc.AppendJSON(nil), Index: index(store.Projects, doc),
	}})[0]
	if c, ok := errors.AsType[*store.Conflict](err); ok && c.Reason == store.NotUnique {
		return Stored{}, &ExistsError{"project", doc.Get("name").Text()}
	}
	if err != nil {
		return Stored{}, fmt.Errorf("amend project %q: %w", key, err)
	}
	return l.Project(ctx, s.ID())
}
