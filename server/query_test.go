package server

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// asking makes a call with nothing but a query.
func asking(t testing.TB, rawQuery, body string) *call {
	t.Helper()
	schema, err := store.NewSchema(store.Collections)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/x", strings.NewReader(body))
	r.URL = &url.URL{Path: "/x", RawQuery: rawQuery}
	return &call{Context: echo.New().NewContext(r, httptest.NewRecorder()), Server: &Server{schema: schema}}
}

func TestList_readsQuery(t *testing.T) {
	t.Parallel()
	q, err := asking(t, "gt[metrics.start_time]=2024-02-29&in[name]=a,b&limit=7&skip=3&sort=name,-created&include=a.b,c", "").list(jobList)
	if err != nil {
		t.Fatal(err)
	}
	want := store.Query{
		Where: store.And{store.Where("metrics.start_time", store.Gt, int64(1709164800000)), store.Where("name", store.In, []any{"a", "b"})},
		Sort:  []store.Order{{Field: "name"}, {Field: "created", Desc: true}}, Skip: 3, Limit: 7,
	}
	if diff := cmp.Diff(want, q.Query); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a.b", "c"}, q.include); diff != "" {
		t.Errorf("include (-want +got):\n%s", diff)
	}
}

func TestQuery_project(t *testing.T) {
	t.Parallel()
	doc := value.MustParse(`{"_id":"1","a":{"b":1,"c":2},"d":[{"e":1,"f":2}],"g":3}`)
	for _, tc := range []struct {
		include, exclude []string
		want             string
	}{
		{nil, nil, `{"_id":"1","a":{"b":1,"c":2},"d":[{"e":1,"f":2}],"g":3}`},
		{[]string{"a.b"}, nil, `{"_id":"1","a":{"b":1}}`},
		{[]string{"a.b", "a"}, nil, `{"_id":"1","a":{"b":1,"c":2}}`},
		{[]string{"a", "a.b"}, nil, `{"_id":"1","a":{"b":1,"c":2}}`},
		{[]string{"d.e", "nothing"}, nil, `{"_id":"1","d":[{"e":1}]}`},
		{[]string{"g"}, []string{"_id"}, `{"g":3}`},
		{nil, []string{"a.c", "d", "nothing.here"}, `{"_id":"1","a":{"b":1},"g":3}`},
	} {
		q := query{include: tc.include, exclude: tc.exclude}
		if got := q.project(doc).String(); got != tc.want {
			t.Errorf("include %v, exclude %v: %s, want %s", tc.include, tc.exclude, got, tc.want)
		}
	}
}

// Whatever a caller asks, the answer is a query the store takes or a refusal.
func FuzzList(f *testing.F) {
	for _, q := range []string{
		"equals[name]=x&limit=0", "equals=x&equalsField=name", "sort=-created&order=1", "in[status]=a,,b", "gt[metrics.start_time]=1e400",
		"equals[$where]=1", "equals[name", "]=[", "a.b.c=1", "include=a.b.c,.,..&exclude=", "limit=99999999999999999999", "exists[name]=maybe",
	} {
		f.Add(q, "")
	}
	f.Add("", `{"queryParameters":{"in":{"status":["a",1,null]},"sort":{"name":-1},"limit":1e3}}`)
	f.Add("", `{"options":{"query":{"name":{"$in":[{}]}},"fields":{"a":0}}}`)
	f.Fuzz(func(t *testing.T, rawQuery, body string) {
		c := asking(t, rawQuery, body)
		q, err := c.list(jobList)
		if err != nil {
			if status := decide(err).status; status != http.StatusBadRequest {
				t.Errorf("status %d for %v", status, err)
			}
			return
		}
		jobs, err := c.schema.Collection(store.Jobs)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jobs.CheckFilter(q.Where); err != nil {
			t.Errorf("the store refuses the filter: %v", err)
		}
		if q.Limit < 1 || q.Limit > maxLimit || q.Skip < 0 {
			t.Errorf("limit %d, skip %d", q.Limit, q.Skip)
		}
		q.project(value.MustParse(`{"_id":"1","a":{"b":[{"c":1}]}}`))
	})
}

func FuzzCollapse(f *testing.F) {
	for _, p := range []string{"", "/", "//a//b/", "a", "/%2F/"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := collapse(path)
		if again := collapse(got); again != got || !strings.HasPrefix(got, "/") || strings.Contains(got, "//") {
			t.Errorf("collapse(%q) = %q, and again %q", path, got, again)
		}
	})
}
