package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/engine/store"
)

func ms(text string) int64 {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t.UnixMilli()
}

// fill stores the documents of the tests that search. Each field is missing
// in d and e, which has an empty set.
func fill(t *testing.T, s store.Store) {
	t.Helper()
	commit(t, s,
		Put("a", store.New, "{}", Thing{"name": "Alpha", "n": int64(1), "at": int64(1000), "ok": true,
			"tags": []string{"x", "y"}, "labels": []string{"x", "y"}, "nested.note": "Élan ß"}),
		Put("b", store.New, "{}", Thing{"name": "beta", "n": 1.5, "at": int64(-2000), "ok": false,
			"tags": []string{"y"}, "labels": []string{"y"}, "nested.note": "100% _sure_"}),
		Put("c", store.New, "{}", Thing{"name": "alphabet", "n": int64(1 << 60), "at": int64(3000), "ok": true,
			"tags": []string{"xy"}, "labels": []string{"xy"}, "nested.note": ""}),
		Put("d", store.New, "{}", nil),
		Put("e", store.New, "{}", Thing{"tags": []string{}, "labels": []string{}}),
	)
}

func testFilter(t *testing.T, s store.Store) {
	fill(t, s)
	is := store.Where
	type row struct {
		f    store.Filter
		want string
	}
	rows := []row{
		{nil, "a b c d e"},
		{store.And{}, "a b c d e"},
		{store.Or{}, ""},
		{store.Not{Filter: store.Or{}}, "a b c d e"},
		{store.Not{}, ""},
		{store.And{nil, is("n", store.Eq, 1)}, "a"},
		{store.Or{is("n", store.Eq, 1), is("name", store.Eq, "beta")}, "a b"},
		{store.And{is("ok", store.Eq, true), is("at", store.Gt, 1000)}, "c"},
		{store.Not{Filter: store.And{is("ok", store.Eq, true), is("at", store.Gt, 1000)}}, "a b d e"},
		{store.Not{Filter: store.Or{is("ok", store.Eq, true), is("at", store.Lt, 0)}}, "d e"},
		{store.Not{Filter: store.Not{Filter: is("n", store.Gt, 1)}}, "b c"},

		{is("_id", store.Eq, "a"), "a"},
		{is("_id", store.Ne, "a"), "b c d e"},
		{is("_id", store.In, []string{"e", "b", "no"}), "b e"},
		{is("_id", store.Gte, "d"), "d e"},
		{is("_id", store.Contains, "C"), "c"},
		{is("_id", store.Exists, true), "a b c d e"},

		{is("name", store.Eq, "alpha"), ""},
		{is("name", store.Eq, "Alpha"), "a"},
		{is("name", store.Eq, nil), "d e"},
		{is("name", store.Ne, "Alpha"), "b c d e"},
		{is("name", store.Ne, nil), "a b c"},
		{is("name", store.In, []any{"Alpha", "beta"}), "a b"},
		{is("name", store.In, []string{}), ""},
		{is("name", store.NotIn, []string{"Alpha"}), "b c d e"},
		{is("name", store.NotIn, []string{}), "a b c d e"},
		{is("name", store.Lt, "alphabet"), "a"},
		{is("name", store.Lte, "alphabet"), "a c"},
		{is("name", store.Gt, "alphabet"), "b"},
		{is("name", store.Gte, "alphabet"), "b c"},
		{is("name", store.Contains, "PHA"), "a c"},
		{is("name", store.Contains, ""), "a b c"},
		{is("name", store.StartsWith, "alpha"), "c"},
		{is("name", store.StartsWith, ""), "a b c"},
		{is("name", store.EndsWith, "ta"), "b"},
		{is("name", store.EndsWith, "longer than any of the names"), ""},
		{is("name", store.EndsWith, ""), "a b c"},
		{is("name", store.Exists, false), "d e"},
		{store.Not{Filter: is("name", store.Contains, "alpha")}, "b d e"},
		{store.Not{Filter: is("name", store.StartsWith, "alpha")}, "a b d e"},
		{is("nested.note", store.Contains, "éLAN SS"), ""},
		{is("nested.note", store.Contains, "éLAN ẞ"), "a"},
		{is("nested.note", store.Contains, "ſURE"), "b"},
		{is("nested.note", store.Contains, "0% _"), "b"},
		{is("nested.note", store.Contains, "0_"), ""},
		{is("nested.note", store.EndsWith, "ß"), "a"},
		{is("nested.note", store.Eq, ""), "c"},
		{is("nested.note", store.Exists, true), "a b c"},

		{is("n", store.Eq, 1.0), "a"},
		{is("n", store.Eq, 1.5), "b"},
		{is("n", store.Eq, int64(1<<60)), "c"},
		{is("n", store.Eq, int64(1<<60+1)), ""},
		{is("n", store.Ne, 1), "b c d e"},
		{is("n", store.In, []float64{1, 1.5}), "a b"},
		{is("n", store.NotIn, []int64{1}), "b c d e"},
		{is("n", store.Lt, 1.5), "a"},
		{is("n", store.Lte, 1.5), "a b"},
		{is("n", store.Gt, int64(1<<60-1)), "c"},
		{is("n", store.Gt, 1.25), "b c"},
		{is("n", store.Gte, 1e300), ""},
		{is("n", store.Exists, false), "d e"},

		{is("at", store.Eq, int64(1000)), "a"},
		{is("at", store.Ne, 1000.0), "b c d e"},
		{is("at", store.In, []int64{-2000, 3000}), "b c"},
		{is("at", store.NotIn, []int64{-2000, 3000}), "a d e"},
		{is("at", store.Lt, 0), "b"},
		{is("at", store.Lte, 1000), "a b"},
		{is("at", store.Gt, 1000), "c"},
		{is("at", store.Gte, 1000), "a c"},
		{store.Not{Filter: is("at", store.Gte, 1000)}, "b d e"},
		{is("at", store.Exists, true), "a b c"},

		{is("ok", store.Eq, true), "a c"},
		{is("ok", store.Eq, false), "b"},
		{is("ok", store.Ne, true), "b d e"},
		{is("ok", store.In, []bool{true, false}), "a b c"},
		{is("ok", store.NotIn, []bool{true}), "b d e"},
		{is("ok", store.Eq, nil), "d e"},
	}
	for _, set := range []string{"tags", "labels"} {
		rows = append(rows,
			row{is(set, store.Eq, "x"), "a"},
			row{is(set, store.Eq, "y"), "a b"},
			row{is(set, store.Contains, "y"), "a b"},
			row{is(set, store.Contains, "Y"), ""},
			row{is(set, store.Ne, "y"), "c d e"},
			row{is(set, store.In, []string{"x", "xy"}), "a c"},
			row{is(set, store.In, []string{}), ""},
			row{is(set, store.NotIn, []string{"x", "xy"}), "b d e"},
			row{is(set, store.Exists, true), "a b c"},
			row{is(set, store.Exists, false), "d e"},
			row{is(set, store.Eq, nil), "d e"},
			row{store.And{is(set, store.Eq, "x"), is(set, store.Eq, "y")}, "a"},
		)
	}
	for _, r := range rows {
		p := find(t, s, store.Query{Where: r.f})
		if ids(p) != r.want || p.Total != len(strings.Fields(r.want)) {
			t.Errorf("%#v: got %q, total %d, want %q", r.f, ids(p), p.Total, r.want)
		}
		b, err := s.Group(t.Context(), Things, store.Grouping{Where: r.f})
		if err != nil || len(b) != 1 || b[0].Count != p.Total {
			t.Errorf("%#v: grouped %v, error %v, want a count of %d", r.f, b, err, p.Total)
		}
	}
}

func testFilterBounds(t *testing.T, s store.Store) {
	fill(t, s)
	wide := make(store.Or, store.MaxTerms-1)
	for i := range wide {
		wide[i] = store.Where("labels", store.Eq, fmt.Sprint(i))
	}
	wide[0] = store.Where("labels", store.Eq, "x")
	long := make([]string, store.MaxValues)
	for i := range long {
		long[i] = fmt.Sprint(i)
	}
	long[len(long)-1] = "y"
	deep := store.Where("tags", store.Eq, "x")
	for range store.MaxDepth {
		deep = store.Not{Filter: deep}
	}
	for name, tc := range map[string]struct {
		allowed, refused store.Filter
		want             string
	}{
		"terms":  {wide, append(wide[:len(wide):len(wide)], wide[0]), "a"},
		"values": {store.Where("labels", store.In, long), store.Where("tags", store.In, append(long[:len(long):len(long)], "x")), "a b"},
		"depth":  {deep, store.Not{Filter: deep}, "a"},
	} {
		if p := find(t, s, store.Query{Where: tc.allowed}); ids(p) != tc.want {
			t.Errorf("%s at the bound: got %q, want %q", name, ids(p), tc.want)
		}
		if _, err := s.Find(t.Context(), Things, store.Query{Where: tc.refused}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s beyond the bound: error %v, want ErrInvalid", name, err)
		}
	}
}

func testInvalid(t *testing.T, s store.Store) {
	field := func(f store.Filter) func() error {
		return func() error {
			_, err := s.Find(t.Context(), Things, store.Query{Where: f})
			return err
		}
	}
	query := func(q store.Query) func() error {
		return func() error { _, err := s.Find(t.Context(), Things, q); return err }
	}
	group := func(g store.Grouping) func() error {
		return func() error { _, err := s.Group(t.Context(), Things, g); return err }
	}
	write := func(w store.Write) func() error {
		return func() error { return s.Commit(t.Context(), store.Batch{w})[0] }
	}
	value := func(name string, v any) func() error { return write(Put("a", store.New, "{}", Thing{name: v})) }
	for name, tc := range map[string]struct {
		do   func() error
		want string // part of the message
	}{
		"unknown field":       {field(store.Where("nam", store.Eq, "x")), `no field "nam"`},
		"known fields listed": {field(store.Where("nam", store.Eq, "x")), "_id, at, labels, n, name, nested.note, ok, tags"},
		"text for number":     {field(store.Where("n", store.Eq, "1")), `field "n" takes a number`},
		"number for text":     {field(store.Where("name", store.Gt, 1)), `field "name" takes a text`},
		"fraction for time":   {field(store.Where("at", store.Gt, 1.5)), `field "at" takes a time`},
		"year 20000":          {field(store.Where("at", store.Gt, int64(568971820800000))), `field "at" takes a time`},
		"nothing for lt":      {field(store.Where("at", store.Lt, nil)), "not nothing"},
		"nothing in list":     {field(store.Where("name", store.In, []any{nil})), "takes a text"},
		"scalar for in":       {field(store.Where("name", store.In, "x")), "takes a list"},
		"number in list":      {field(store.Where("name", store.In, []int64{1})), "takes a text"},
		"text for exists":     {field(store.Where("name", store.Exists, "yes")), "takes true or false"},
		"NaN":                 {field(store.Where("n", store.Eq, math.NaN())), "takes a number"},
		"broken text":         {field(store.Where("name", store.Eq, "\xff")), "takes a text"},
		"lt of bool":          {field(store.Where("ok", store.Lt, true)), `does not take the operator "lt"`},
		"prefix of set":       {field(store.Where("tags", store.StartsWith, "x")), "does not take"},
		"contains of number":  {field(store.Where("n", store.Contains, 1)), "does not take"},
		"unknown operator":    {field(store.Where("n", "regexp", "x")), "does not take"},

		"sort by unknown":      {query(store.Query{Sort: []store.Order{{Field: "x"}}}), `no field "x"`},
		"sort by set":          {query(store.Query{Sort: []store.Order{{Field: "tags"}}}), "has no order"},
		"negative skip":        {query(store.Query{Skip: -1}), "negative"},
		"negative limit":       {query(store.Query{Limit: -1}), "negative"},
		"short cursor":         {query(store.Query{Sort: []store.Order{{Field: "n"}}, After: store.Cursor{"a"}}), "1 values for 2"},
		"cursor of other type": {query(store.Query{After: store.Cursor{1}}), "in the cursor"},

		"group by unknown": {group(store.Grouping{By: []store.Key{{Field: "x"}}}), `no field "x"`},
		"group by set":     {group(store.Grouping{By: []store.Key{{Field: "tags"}}}), "cannot be a key"},
		"month of text":    {group(store.Grouping{By: []store.Key{{Field: "name", Unit: store.Month}}}), "calendar unit"},
		"unknown unit":     {group(store.Grouping{By: []store.Key{{Field: "at", Unit: "week"}}}), "hour, day or month"},
		"sum of text":      {group(store.Grouping{Measure: []store.Measure{{Of: store.Sum, Field: "name"}}}), "only numbers"},
		"least of bool":    {group(store.Grouping{Measure: []store.Measure{{Of: store.Min, Field: "ok"}}}), "has no min"},
		"unknown measure":  {group(store.Grouping{Measure: []store.Measure{{Of: "median", Field: "n"}}}), "sum, avg, min and max"},

		"write without id":        {write(Put("", store.New, "{}", nil)), "identifier"},
		"broken id":               {write(Put("\xff", store.New, "{}", nil)), "identifier"},
		"empty body":              {write(Put("a", store.New, "", nil)), "body is empty"},
		"delete what is not":      {write(store.Write{Collection: Things, ID: "a"}), "cannot be deleted"},
		"revision below any":      {write(Put("a", -2, "{}", nil)), "cannot be expected"},
		"no index values":         {write(store.Write{Collection: Things, ID: "a", Body: []byte("{}")}), "0 index values for 7 fields"},
		"collection":              {write(store.Write{Collection: "nothings", ID: "a", Body: []byte("{}")}), `no collection "nothings"`},
		"text as number written":  {value("n", "1"), `field "n" of "a" wants a number`},
		"infinity written":        {value("n", math.Inf(1)), "wants a number"},
		"number as text written":  {value("name", 1), "wants a text"},
		"text as set written":     {value("tags", "x"), "wants a set of texts"},
		"number as bool written":  {value("ok", 1), "wants a bool"},
		"fraction as time":        {value("at", 0.5), "wants a time"},
		"broken text in set":      {value("tags", []string{"\xff"}), "wants a set of texts"},
		"search in no collection": {func() error { _, err := s.Find(t.Context(), "x", store.Query{}); return err }, `no collection "x"`},
		"get from no collection":  {func() error { _, err := s.Get(t.Context(), "x", "a"); return err }, `no collection "x"`},
	} {
		err := tc.do()
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want ErrInvalid with %q", name, err, tc.want)
		}
	}
	if p := find(t, s, store.Query{}); p.Total != 0 || len(p.Docs) != 0 {
		t.Errorf("invalid writes left %d documents", p.Total)
	}
}

func testSort(t *testing.T, s store.Store) {
	fill(t, s)
	asc := func(f string) store.Order { return store.Order{Field: f} }
	desc := func(f string) store.Order { return store.Order{Field: f, Desc: true} }
	for _, tc := range []struct {
		sort []store.Order
		want string
	}{
		{nil, "a b c d e"},
		{[]store.Order{desc("_id")}, "e d c b a"},
		{[]store.Order{asc("name")}, "d e a c b"},
		{[]store.Order{desc("name")}, "b c a e d"},
		{[]store.Order{asc("n")}, "d e a b c"},
		{[]store.Order{desc("n")}, "c b a e d"},
		{[]store.Order{asc("at")}, "d e b a c"},
		{[]store.Order{asc("ok")}, "d e b a c"},
		{[]store.Order{desc("ok")}, "c a b e d"},
		{[]store.Order{desc("ok"), asc("at")}, "a c b d e"},
		{[]store.Order{asc("ok"), asc("ok"), desc("at")}, "e d b c a"},
		{[]store.Order{asc("ok"), asc("_id"), desc("at")}, "d e b a c"},
	} {
		if got := ids(find(t, s, store.Query{Sort: tc.sort})); got != tc.want {
			t.Errorf("%v: got %s, want %s", tc.sort, got, tc.want)
		}
		// However it is cut into pages, the order is the same.
		for size := 1; size <= 5; size++ {
			var skipped, followed []string
			var after store.Cursor
			for skip := 0; skip < 5; skip += size {
				p := find(t, s, store.Query{Sort: tc.sort, Skip: skip, Limit: size})
				skipped = append(skipped, ids(p))
				p = find(t, s, store.Query{Sort: tc.sort, After: after, Limit: size})
				followed = append(followed, ids(p))
				if last := skip+size >= 5; (p.Next == nil) != last || p.Total != 5 {
					t.Errorf("%v, page at %d: next %v, total %d", tc.sort, skip, p.Next, p.Total)
				}
				after = overWire(t, p.Next)
			}
			if got := strings.Join(skipped, " "); got != tc.want {
				t.Errorf("%v by skip in pages of %d: got %s, want %s", tc.sort, size, got, tc.want)
			}
			if got := strings.Join(followed, " "); got != tc.want {
				t.Errorf("%v by cursor in pages of %d: got %s, want %s", tc.sort, size, got, tc.want)
			}
		}
	}
}

// overWire sends a cursor through JSON, keeping integers exact.
func overWire(t *testing.T, c store.Cursor) (out store.Cursor) {
	t.Helper()
	text, err := json.Marshal(c)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatalf("cursor %v: %v", c, err)
	}
	return out
}

// testCursor pages while documents come and go before and behind the page.
func testCursor(t *testing.T, s store.Store) {
	put := func(id string, n int) { commit(t, s, Put(id, store.New, "{}", Thing{"n": int64(n), "name": "old"})) }
	for i := range 50 {
		put(fmt.Sprintf("k%02d", i), 1000-i/3*10)
	}
	q := store.Query{
		Where: store.Where("name", store.Eq, "old"), Sort: []store.Order{{Field: "n", Desc: true}}, Limit: 7,
	}
	seen := map[string]int{}
	for page := 0; ; page++ {
		p := find(t, s, q)
		if p.Total != 50+2*page {
			t.Errorf("page %d: total %d, want %d", page, p.Total, 50+2*page)
		}
		for _, d := range p.Docs {
			seen[d.ID]++
		}
		if p.Next == nil {
			break
		}
		q.After = p.Next
		put(fmt.Sprintf("before%d", page), 2000+page)
		put(fmt.Sprintf("behind%d", page), -page)
	}
	for i := range 50 {
		if id := fmt.Sprintf("k%02d", i); seen[id] != 1 {
			t.Errorf("%s was seen %d times", id, seen[id])
		}
	}
	for id, n := range seen {
		if n > 1 || strings.HasPrefix(id, "before") {
			t.Errorf("%s was seen %d times", id, n)
		}
	}
}

func testTotal(t *testing.T, s store.Store) {
	for i := range 120 {
		commit(t, s, Put(fmt.Sprintf("%03d", i), store.New, "{}", Thing{"ok": i%3 == 0, "n": int64(i)}))
	}
	third := store.Where("ok", store.Eq, true)
	for _, tc := range []struct {
		q           store.Query
		docs, total int
	}{
		{store.Query{}, 120, 120},
		{store.Query{Limit: 25}, 25, 120},
		{store.Query{Limit: 25, Skip: 110}, 10, 120},
		{store.Query{Skip: 110}, 10, 120},
		{store.Query{Skip: 500, Limit: 1}, 0, 120},
		{store.Query{Where: third, Limit: 7}, 7, 40},
		{store.Query{Where: third, Limit: 40}, 40, 40},
		{store.Query{Where: third, Limit: 7, NoTotal: true}, 7, 0},
	} {
		if p := find(t, s, tc.q); len(p.Docs) != tc.docs || p.Total != tc.total {
			t.Errorf("%+v: %d documents of %d, want %d of %d", tc.q, len(p.Docs), p.Total, tc.docs, tc.total)
		}
	}
	for i := range 20 {
		commit(t, s, store.Write{Collection: Things, ID: fmt.Sprintf("%03d", i), Expect: 1})
	}
	s.Commit(t.Context(), store.Batch{Put("x", store.New, "{}", nil), Put("050", store.New, "{}", nil)})
	if p := find(t, s, store.Query{Limit: 1}); p.Total != 100 {
		t.Errorf("total %d after deletes and a conflict, want 100", p.Total)
	}
}

func testGroup(t *testing.T, s store.Store) {
	fill(t, s)
	all := []store.Measure{
		{Of: store.Sum, Field: "n"}, {Of: store.Avg, Field: "n"}, {Of: store.Min, Field: "n"}, {Of: store.Max, Field: "n"},
		{Of: store.Min, Field: "name"}, {Of: store.Max, Field: "at"},
	}
	small := store.Where("n", store.Lt, 100)
	for name, tc := range map[string]struct {
		g    store.Grouping
		want []store.Bucket
	}{
		"count of all":     {store.Grouping{}, []store.Bucket{{Keys: []any{}, Count: 5}}},
		"count of nothing": {store.Grouping{Where: store.Or{}}, []store.Bucket{{Keys: []any{}, Count: 0}}},
		"measures": {store.Grouping{Where: small, Measure: all},
			[]store.Bucket{{Keys: []any{}, Count: 2, Measures: []any{2.5, 1.25, int64(1), 1.5, "Alpha", int64(1000)}}}},
		"measures of nothing": {store.Grouping{Where: store.Or{}, Measure: all},
			[]store.Bucket{{Keys: []any{}, Count: 0, Measures: []any{0.0, nil, nil, nil, nil, nil}}}},
		"by bool": {store.Grouping{By: []store.Key{{Field: "ok"}}},
			[]store.Bucket{{Keys: []any{nil}, Count: 2}, {Keys: []any{false}, Count: 1}, {Keys: []any{true}, Count: 2}}},
		"by number": {store.Grouping{By: []store.Key{{Field: "n"}}, Where: store.Where("n", store.Exists, true)},
			[]store.Bucket{{Keys: []any{int64(1)}, Count: 1}, {Keys: []any{1.5}, Count: 1}, {Keys: []any{int64(1 << 60)}, Count: 1}}},
		"by two": {store.Grouping{By: []store.Key{{Field: "ok"}, {Field: "name"}}, Where: small, Measure: all[:1]},
			[]store.Bucket{{Keys: []any{false, "beta"}, Count: 1, Measures: []any{1.5}}, {Keys: []any{true, "Alpha"}, Count: 1, Measures: []any{1.0}}}},
		"by key of nothing": {store.Grouping{By: []store.Key{{Field: "ok"}}, Where: store.Or{}}, nil},
	} {
		got, err := s.Group(t.Context(), Things, tc.g)
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v, (-want +got)\n%s", name, err, diff)
		}
	}
}

func testGroupUnits(t *testing.T, s store.Store) {
	for i, at := range []string{
		"1969-12-31T23:59:59.999Z", "1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T00:59:59.999Z", "1970-01-31T05:00:00Z",
		"2024-02-29T12:34:56.789Z", "2024-02-29T12:00:00Z", "2024-02-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z",
	} {
		commit(t, s, Put(fmt.Sprint(i), store.New, "{}", Thing{"at": ms(at)}))
	}
	for unit, want := range map[store.Unit][]store.Bucket{
		store.Hour: buckets("0001-01-01T00:00:00Z", 1, "1969-12-01T00:00:00Z", 1, "1969-12-31T23:00:00Z", 1, "1970-01-01T00:00:00Z", 2,
			"1970-01-31T05:00:00Z", 1, "2024-02-01T00:00:00Z", 1, "2024-02-29T12:00:00Z", 2, "9999-12-31T23:00:00Z", 1),
		store.Day: buckets("0001-01-01T00:00:00Z", 1, "1969-12-01T00:00:00Z", 1, "1969-12-31T00:00:00Z", 1, "1970-01-01T00:00:00Z", 2,
			"1970-01-31T00:00:00Z", 1, "2024-02-01T00:00:00Z", 1, "2024-02-29T00:00:00Z", 2, "9999-12-31T00:00:00Z", 1),
		store.Month: buckets("0001-01-01T00:00:00Z", 1, "1969-12-01T00:00:00Z", 2, "1970-01-01T00:00:00Z", 3, "2024-02-01T00:00:00Z", 3,
			"9999-12-01T00:00:00Z", 1),
	} {
		got, err := s.Group(t.Context(), Things, store.Grouping{By: []store.Key{{Field: "at", Unit: unit}}})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("by %s: error %v, (-want +got)\n%s", unit, err, diff)
		}
	}
}

// buckets pairs the starts of units with counts.
func buckets(pairs ...any) (out []store.Bucket) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, store.Bucket{Keys: []any{ms(pairs[i].(string))}, Count: pairs[i+1].(int)})
	}
	return out
}
