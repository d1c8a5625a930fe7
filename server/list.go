package server

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// page is a list's answer before it is wrapped.
type page struct {
	docs  []value.Value
	total int
	q     query
}

// operations wraps a page as the Operations Manager does.
func (p page) operations(message string) value.Value {
	next, previous := value.Null, value.Null
	if p.q.Skip+len(p.docs) < p.total && len(p.docs) > 0 {
		next = value.Int(int64(p.q.Skip + len(p.docs)))
	}
	if p.q.Skip > 0 {
		previous = value.Int(int64(max(0, p.q.Skip-p.q.Limit)))
	}
	return value.Object("message", value.String(message), "data", value.Array(p.docs...), "metadata", value.Object(
		"skip", value.Int(int64(p.q.Skip)), "limit", value.Int(int64(p.q.Limit)), "total", value.Int(int64(p.total)),
		"nextPageSkip", next, "previousPageSkip", previous, "currentPageSize", value.Int(int64(len(p.docs)))))
}

// studio wraps a page as the Automation Studio does, with links to its neighbours.
func (p page) studio(c *call) value.Value {
	end := p.q.Skip + len(p.docs)
	next, previous := value.Null, value.Null
	if end < p.total && len(p.docs) > 0 {
		next = value.String(link(c, end))
	}
	if p.q.Skip > 0 {
		previous = value.String(link(c, max(0, p.q.Skip-p.q.Limit)))
	}
	return value.Object("items", value.Array(p.docs...), "skip", value.Int(int64(p.q.Skip)), "limit", value.Int(int64(p.q.Limit)),
		"total", value.Int(int64(p.total)), "count", value.Int(int64(len(p.docs))), "end", value.Int(int64(end)), "next", next, "previous", previous)
}

// link is the call's own address with another skip, and without the token.
func link(c *call, skip int) string {
	q := c.Request().URL.Query()
	q.Del("token")
	q.Set("skip", strconv.Itoa(skip))
	u := url.URL{Path: c.Request().URL.Path, RawQuery: q.Encode()}
	return u.String()
}

// results wraps a page as the older applications do.
func (p page) results() value.Value {
	return value.Object("results", value.Array(p.docs...), "skip", value.Int(int64(p.q.Skip)), "limit", value.Int(int64(p.q.Limit)), "total", value.Int(int64(p.total)))
}

// find reads and decodes a page of a collection, each document made presentable by show.
func (c *call) find(collection string, q query, show func(value.Value) (value.Value, error)) (page, error) {
	found, err := c.Store.Find(c.Request().Context(), collection, q.Query)
	if err != nil {
		return page{}, err
	}
	p := page{docs: make([]value.Value, 0, len(found.Docs)), total: found.Total, q: q}
	for _, d := range found.Docs {
		v, err := value.ParseLast(d.Body)
		if err != nil {
			return page{}, err
		}
		if show != nil {
			if v, err = show(v); err != nil {
				return page{}, err
			}
		}
		p.docs = append(p.docs, q.project(v))
	}
	return p, nil
}

// listed cuts a page out of documents that are not in the store.
func listed(all []value.Value, q query) page {
	from := min(q.Skip, len(all))
	to := min(from+q.Limit, len(all))
	return page{docs: all[from:to], total: len(all), q: q}
}

// wants tells whether a top-level member is asked for.
func (q *query) wants(key string) bool {
	if len(q.include) == 0 {
		return !slices.Contains(q.exclude, key)
	}
	return slices.ContainsFunc(q.include, func(path string) bool {
		first, _, _ := strings.Cut(path, ".")
		return first == key
	})
}

// project leaves in a document what the caller asked for; "_id" is always asked for unless
// it is excluded.
func (q *query) project(doc value.Value) value.Value {
	if len(q.include) > 0 {
		tree := pathTree{}
		for _, path := range q.include {
			tree.add(strings.Split(path, "."))
		}
		if !slices.Contains(q.exclude, "_id") {
			tree["_id"] = nil
		}
		return tree.pick(doc)
	}
	for _, path := range q.exclude {
		keys := strings.Split(path, ".")
		if !doc.Path(keys...).IsAbsent() {
			doc = doc.WithPath(keys, value.Absent)
		}
	}
	return doc
}

// pathTree is a set of dotted paths; a nil branch means everything below.
type pathTree map[string]pathTree

func (t pathTree) add(path []string) {
	if len(path) == 1 {
		t[path[0]] = nil
		return
	}
	branch, there := t[path[0]]
	if there && branch == nil {
		return // all of it is asked for
	}
	if branch == nil {
		branch = pathTree{}
		t[path[0]] = branch
	}
	branch.add(path[1:])
}

func (t pathTree) pick(doc value.Value) value.Value {
	if t == nil {
		return doc
	}
	if doc.IsArray() {
		out := doc.Slice()
		for i := range out {
			out[i] = t.pick(out[i])
		}
		return value.Array(out...)
	}
	var m value.Members
	for _, k := range doc.Keys() {
		if branch, ok := t[k]; ok {
			m.Set(k, branch.pick(doc.Get(k)))
		}
	}
	return m.Value()
}

// sortedKeys lists a set's members.
func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
