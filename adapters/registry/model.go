package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Importer makes a kind of adapters from the description of an API. The kind is nil when the
// problems hold an error.
type Importer func(data []byte) (*adapters.Kind, workflows.Problems)

// model is a kind that was imported.
type model struct {
	hash string // of its document
	kind *adapters.Kind
	doc  value.Value
}

// maxModel bounds the document of a model, so that it can be stored in one piece.
const maxModel = 12 << 20

// AddModel imports a description of an API and stores it. All servers then have a kind of
// adapters whose app is "<title>:<version>". doc describes what is stored beside the document
// by the caller, such as who did it. With replace a model of the same app is replaced; else
// the error wraps store.ErrConflict. Warnings of the import come back with the description.
func (r *Registry) AddModel(ctx context.Context, data []byte, doc value.Value, replace bool) (value.Value, workflows.Problems, error) {
	if r.Import == nil {
		return value.Absent, nil, errors.New("this server imports no descriptions of APIs")
	}
	kind, problems, err := r.read(data)
	if err != nil {
		return value.Absent, problems, err
	}
	if r.builtIn(kind.App) {
		return value.Absent, nil, fmt.Errorf("%q is the app of an adapter that ships with Heddle: %w", kind.App, store.ErrConflict)
	}
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:])
	doc = doc.With("_id", value.String(kind.App)).With("name", value.String(kind.App)).With("version", value.String(kind.Version)).
		With("description", value.String(kind.Summary)).With("methods", value.Int(int64(len(kind.Methods)))).
		With("hash", value.String(hash)).With("bytes", value.Int(int64(len(data))))
	expect := store.New
	old, err := r.Store.Get(ctx, store.Models, kind.App)
	if err == nil && replace {
		expect = old.Revision
	}
	text := value.Object("model", value.String(kind.App), "text", value.String(string(data)))
	batch := store.Batch{
		{Collection: store.Models, ID: kind.App, Expect: expect, Body: doc.AppendJSON(nil), Index: r.index(store.Models, doc)},
		{Collection: store.ModelTexts, ID: hash, Expect: store.Any, Body: text.AppendJSON(nil), Index: r.index(store.ModelTexts, text)},
	}
	if before := hashOf(old.Body); before != "" && before != hash && expect != store.New {
		batch = append(batch, store.Write{Collection: store.ModelTexts, ID: before, Expect: store.Any})
	}
	if err := r.Store.Commit(ctx, batch)[0]; err != nil {
		return value.Absent, problems, fmt.Errorf("model %q: %w", kind.App, err)
	}
	r.tell(ctx)
	return doc, problems, nil
}

// read imports a document of a size that can be kept.
func (r *Registry) read(data []byte) (*adapters.Kind, workflows.Problems, error) {
	problem := func(text string) error {
		return workflows.Problems{{Level: workflows.Error, Code: "model", Text: text}}.Err()
	}
	switch {
	case len(data) > maxModel:
		return nil, nil, problem(fmt.Sprintf("The document has %d bytes; %d are the most.", len(data), maxModel))
	case !utf8.Valid(data):
		return nil, nil, problem("The document is not text in UTF-8.")
	}
	kind, problems := r.Import(data)
	if kind == nil {
		return nil, problems, problems.Err()
	}
	return kind, problems, nil
}

func hashOf(body []byte) string {
	v, err := value.ParseLast(body)
	if err != nil {
		return ""
	}
	return v.Get("hash").Text()
}

// ModelText is the document that a model was imported from.
func (r *Registry) ModelText(ctx context.Context, app string) (string, error) {
	d, err := r.Store.Get(ctx, store.Models, app)
	if err != nil {
		return "", fmt.Errorf("model %q: %w", app, err)
	}
	return r.modelText(ctx, hashOf(d.Body))
}

func (r *Registry) modelText(ctx context.Context, hash string) (string, error) {
	d, err := r.Store.Get(ctx, store.ModelTexts, hash)
	if err != nil {
		return "", fmt.Errorf("document of a model: %w", err)
	}
	v, err := value.ParseLast(d.Body)
	return v.Get("text").Text(), err
}

// DeleteModel removes a model and its kind. Its instances stay, and wait for it to come back.
func (r *Registry) DeleteModel(ctx context.Context, app string) (value.Value, error) {
	d, err := r.Store.Get(ctx, store.Models, app)
	if err != nil {
		return value.Absent, fmt.Errorf("model %q: %w", app, err)
	}
	v, err := value.ParseLast(d.Body)
	if err != nil {
		return value.Absent, err
	}
	err = r.Store.Commit(ctx, store.Batch{
		{Collection: store.Models, ID: app, Expect: d.Revision}, {Collection: store.ModelTexts, ID: v.Get("hash").Text(), Expect: store.Any},
	})[0]
	if err != nil {
		return value.Absent, fmt.Errorf("model %q: %w", app, err)
	}
	r.tell(ctx)
	return v, nil
}

// lookModels takes up the models that were stored since the last look.
func (r *Registry) lookModels(ctx context.Context) error {
	if r.Import == nil {
		return nil
	}
	page, err := r.Store.Find(ctx, store.Models, store.Query{NoTotal: true})
	if err != nil {
		return err
	}
	found := map[string]model{}
	for _, d := range page.Docs {
		doc, err := value.ParseLast(d.Body)
		if err != nil {
			r.Log.Error("stored model cannot be read", "app", d.ID, "err", err)
			continue
		}
		r.mu.Lock()
		m := r.models[d.ID]
		r.mu.Unlock()
		if hash := doc.Get("hash").Text(); m.hash != hash {
			text, err := r.modelText(ctx, hash)
			if err != nil {
				return err
			}
			kind, _, err := r.read([]byte(text))
			if err != nil {
				r.Log.Error("stored model cannot be imported", "app", d.ID, "err", err)
			}
			m = model{hash: hash, kind: kind}
		}
		m.doc = doc
		found[d.ID] = m
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for app, m := range r.models {
		if found[app].kind != m.kind {
			delete(r.kinds, app)
			r.catalog = nil
		}
	}
	for app, m := range found {
		if m.kind != nil && r.kinds[app] != m.kind {
			r.kinds[app] = m.kind
			r.catalog = nil
		}
	}
	r.models = found
	return nil
}

// builtIn tells whether an app is one of a kind that was not imported.
func (r *Registry) builtIn(app string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, imported := r.models[app]
	return !imported && r.kinds[app] != nil
}

func (r *Registry) index(collection string, doc value.Value) []any {
	c, err := r.schema.Collection(collection)
	if err != nil {
		panic(err) // the table of collections is wrong
	}
	return c.IndexOf(doc)
}

// IsModel tells whether the app was imported.
func (r *Registry) IsModel(app string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, imported := r.models[app]
	return imported
}
