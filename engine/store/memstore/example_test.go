package memstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows/value"
)

// A job is created together with the first line of its history. Whoever
// writes with an old revision learns so and has changed nothing.
func Example() {
	ctx := context.Background()
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	schema, err := store.NewSchema(store.Collections)
	if err != nil {
		fmt.Println(err)
		return
	}
	put := func(collection, id string, expect int64, doc string) store.Write {
		v := value.MustParse(doc)
		c, err := schema.Collection(collection)
		if err != nil {
			panic(err)
		}
		return store.Write{Collection: collection, ID: id, Expect: expect, Body: v.AppendJSON(nil), Index: c.IndexOf(v)}
	}
	fmt.Println(s.Commit(ctx, store.Batch{
		put(store.Jobs, "j1", store.New, `{"name":"Upgrade","status":"running"}`),
		put(store.History, "j1-1", store.New, `{"job":"j1","seq":1}`),
	}))
	errs := s.Commit(ctx,
		store.Batch{put(store.Jobs, "j1", 1, `{"name":"Upgrade","status":"complete"}`)},
		store.Batch{put(store.Jobs, "j1", 1, `{"name":"Upgrade","status":"canceled"}`)},
	)
	fmt.Println(errs[0], errors.Is(errs[1], store.ErrConflict))

	page, err := s.Find(ctx, store.Jobs, store.Query{
		Where: store.Where("name", store.Contains, "upgr"),
		Sort:  []store.Order{{Field: "metrics.start_time", Desc: true}},
		Limit: 25,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range page.Docs {
		fmt.Println(page.Total, d.ID, d.Revision, string(d.Body))
	}
	// Output:
	// [<nil>]
	// <nil> true
	// 1 j1 2 {"name":"Upgrade","status":"complete"}
}
