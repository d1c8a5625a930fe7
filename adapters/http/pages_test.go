package http_test

import (
	"encoding/json"
	"fmt"
	nethttp "net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/http"
	"github.com/heddlehq/heddle/workflows/value"
)

// library hands out the numbers from 0 to 24, ten at a time, in every style.
func library(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		q := r.URL.Query()
		from, _ := strconv.Atoi(q.Get("offset") + q.Get("cursor"))
		if page, err := strconv.Atoi(q.Get("page")); err == nil {
			from = (page - 1) * 10
		}
		items := []int{}
		for i := from; i < min(from+10, 25); i++ {
			items = append(items, i)
		}
		body := map[string]any{"results": items}
		if next := from + 10; next < 25 {
			address := fmt.Sprintf("%s?offset=%d", r.URL.Path, next)
			w.Header().Set("Link", fmt.Sprintf(`</first?a,b>; rel="first", <%s>; title="x"; rel=next`, address))
			body["next"], body["meta"] = address, map[string]any{"mark": next}
		}
		switch r.URL.Path {
		case "/loop":
			body["next"] = "/loop"
		case "/away":
			body["next"] = "http://elsewhere.example/"
		case "/broken":
			if from > 0 {
				w.WriteHeader(nethttp.StatusInternalServerError)
			}
		}
		if err := json.NewEncoder(w).Encode(body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := library(t)
	for in, want := range map[string]struct {
		items, pages int
		complete     bool
	}{
		`{"paging":{"style":"link","items":"/results"}}`:                                              {25, 3, true},
		`{"paging":{"style":"next","items":"/results"}}`:                                              {25, 3, true},
		`{"paging":{"style":"cursor","items":"/results","next":"/meta/mark"}}`:                        {25, 3, true},
		`{"paging":{"style":"page","items":"/results","size":10}}`:                                    {25, 3, true},
		`{"paging":{"style":"page","items":"/results"}}`:                                              {25, 4, true},
		`{"paging":{"style":"offset","items":"/results"}}`:                                            {25, 4, true},
		`{"paging":{"style":"offset","items":"/results","first":20}}`:                                 {5, 2, true},
		`{"paging":{"style":"next","items":"/results","maxItems":12}}`:                                {12, 2, false},
		`{"paging":{"style":"next","items":"/results","maxItems":25}}`:                                {25, 3, true},
		`{"query":{"offset":10},"paging":{"style":"next","items":"/results","size":10}}`:              {15, 2, true},
		`{"query":{"tag":["a","b"]},"paging":{"style":"page","parameter":"page","items":"/results"}}`: {25, 4, true},
	} {
		out := askFor(t, "pages", config(s.URL, `{}`), value.MustParse(in)).Get("outgoing")
		if out.Get("items").Len() != want.items || out.Get("pages").Float() != float64(want.pages) || out.Get("complete").Truth() != want.complete {
			t.Errorf("%s: %d items, %s", in, out.Get("items").Len(), out.Without("items"))
		}
		for i, v := range out.Get("items").Elements() {
			if first := out.Path("items").At(0).Float(); v.Float() != first+float64(i) {
				t.Errorf("%s: item %d is %s", in, i, v)
			}
		}
	}
	for in, want := range map[string][2]string{
		`{"path":"loop","paging":{"style":"next","items":"/results"}}`:   {"remote", "leads back"},
		`{"path":"away","paging":{"style":"next","items":"/results"}}`:   {"input", "at another host, elsewhere.example"},
		`{"path":"broken","paging":{"style":"next","items":"/results"}}`: {"http", "answered 500"},
		`{"paging":{"style":"next","items":"/nothing"}}`:                 {"remote", "has no list at"},
		`{"paging":{"style":"magic"}}`:                                   {"input", "/paging/style must be equal to one of"},
		`{"paging":{"style":"next","maxItems":1000000}}`:                 {"input", "/paging/maxItems must be from 0 to 100000"},
		`{"url":"http://elsewhere.example/","paging":{"style":"next"}}`:  {"input", "must lie below"},
	} {
		wantError(t, askFor(t, "pages", config(s.URL, `{}`), value.MustParse(in)), want[0], want[1])
	}
}

func askFor(t *testing.T, method string, config, in value.Value) value.Value {
	t.Helper()
	v, err := adaptertest.Call(t.Context(), http.Kind(), adapters.Instance{ID: "x", Config: config}, nil, method, in)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
