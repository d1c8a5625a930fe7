package registry

import (
	"context"
	"errors"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// manifest is what an adapter in another process says about itself.
type manifest struct {
	doc         value.Value
	methods     []workflows.Method
	since, seen time.Time
	revision    int64
	saved       time.Time // when it was stored as seen
}

const (
	discoverEvery = 5 * time.Second
	// saveSeen is how often it is stored that an adapter still answers.
	saveSeen = time.Minute
)

// discover asks again and again which adapters there are, until ctx ends.
func (r *Registry) discover(ctx context.Context) {
	directory, ok := r.Bus.(bus.Directory)
	if err := r.recall(ctx); err != nil && ctx.Err() == nil {
		r.Log.Warn("manifests not read", "err", err)
	}
	tick := time.NewTicker(discoverEvery)
	defer tick.Stop()
	for ok {
		if err := r.ask(ctx, directory); err != nil && ctx.Err() == nil {
			r.Log.Warn("adapters not asked", "err", err)
		}
		r.forget(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// recall reads the manifests that were seen before.
func (r *Registry) recall(ctx context.Context) error {
	page, err := r.Store.Find(ctx, store.Manifests, store.Query{NoTotal: true})
	if err != nil {
		return err
	}
	for _, d := range page.Docs {
		v, err := value.ParseLast(d.Body)
		if err != nil {
			r.Log.Error("stored manifest cannot be read", "adapter", d.ID, "err", err)
			continue
		}
		seen, _ := v.Get("seen").Int()
		m := manifest{doc: v.Get("manifest"), seen: time.UnixMilli(seen), saved: time.UnixMilli(seen), revision: d.Revision}
		m.since, m.methods = m.seen, adapters.Catalog(m.doc)
		r.note(place{v.Get("pool").Text(), v.Get("app").Text()}, m)
	}
	return nil
}

// note takes over a manifest. What ships with this process is not replaced.
func (r *Registry) note(p place, m manifest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if have, ok := r.manifests[p]; ok && value.Equal(have.doc, m.doc) {
		m.methods, m.since = have.methods, have.since
	} else {
		r.catalog = nil
	}
	r.manifests[p] = m
}

// ask finds the adapters that answer, and reads their manifests.
func (r *Registry) ask(ctx context.Context, directory bus.Directory) error {
	found, err := directory.Services(ctx)
	if err != nil {
		return err
	}
	asked := map[place]bool{}
	for _, s := range found {
		p := place{s.Metadata[adapters.MetaPool], s.Metadata[adapters.MetaApp]}
		if s.Metadata[adapters.MetaProtocol] == "" || p.app == "" || p.pool == "" || asked[p] || r.ships(p) {
			continue
		}
		asked[p] = true
		data, err := directory.Request(ctx, adapters.ManifestSubject(p.pool, p.app))
		if err == nil {
			err = r.meet(ctx, p, data)
		}
		if err != nil && ctx.Err() == nil {
			r.Log.Warn("manifest refused", "app", p.app, "pool", p.pool, "err", err)
		}
	}
	return nil
}

// ships tells whether the place is served with a kind of this process.
func (r *Registry) ships(p place) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.serving[p] != nil
}

// meet takes over what an adapter says about itself.
func (r *Registry) meet(ctx context.Context, p place, data []byte) error {
	doc, err := CheckManifest(data)
	if err != nil {
		return err
	}
	if doc.Get("app").Text() != p.app {
		return errors.New("it is one of another app")
	}
	r.mu.Lock()
	have, known := r.manifests[p]
	r.mu.Unlock()
	now := r.Now()
	m := manifest{doc: doc, seen: now, since: now, revision: have.revision, saved: have.saved}
	same := known && value.Equal(have.doc, doc)
	if !same {
		m.methods = adapters.Catalog(doc)
		r.Log.Info("adapter found", "app", p.app, "pool", p.pool, "version", doc.Get("version").Text())
	}
	if !same || now.Sub(have.saved) > saveSeen {
		r.keep(ctx, p, &m)
	}
	r.note(p, m)
	return nil
}

// CheckManifest reads a manifest and names what is wrong with it.
func CheckManifest(data []byte) (value.Value, error) {
	doc, err := value.Parse(data)
	if err != nil {
		return value.Absent, err
	}
	schema, err := schemas.Named("adapter-manifest")
	if err != nil {
		return value.Absent, err
	}
	for _, v := range schema.Check(doc) {
		return value.Absent, &v
	}
	return doc, nil
}

// keep stores a manifest, so that a server that starts while the adapter is away knows it.
// That another server stored it meanwhile is as good.
func (r *Registry) keep(ctx context.Context, p place, m *manifest) {
	doc := value.Object("pool", value.String(p.pool), "app", value.String(p.app), "seen", value.Int(m.seen.UnixMilli()), "manifest", m.doc)
	c, err := r.schema.Collection(store.Manifests)
	if err == nil {
		err = r.Store.Commit(ctx, store.Batch{{
			Collection: store.Manifests, ID: p.pool + "/" + p.app, Expect: store.Any, Body: doc.AppendJSON(nil), Index: c.IndexOf(doc),
		}})[0]
	}
	if err != nil {
		r.Log.Warn("manifest not stored", "app", p.app, "err", err)
		return
	}
	m.saved = m.seen
}

// forget drops the manifests of adapters that are gone for long.
func (r *Registry) forget(ctx context.Context) {
	var gone []place
	r.mu.Lock()
	for p, m := range r.manifests {
		if r.Now().Sub(m.seen) > r.Forget {
			gone = append(gone, p)
			delete(r.manifests, p)
			r.catalog = nil
		}
	}
	r.mu.Unlock()
	for _, p := range gone {
		r.Log.Info("adapter forgotten", "app", p.app, "pool", p.pool)
		if err := r.Store.Commit(ctx, store.Batch{{Collection: store.Manifests, ID: p.pool + "/" + p.app, Expect: store.Any}})[0]; err != nil {
			r.Log.Warn("manifest not removed", "app", p.app, "err", err)
		}
	}
}
