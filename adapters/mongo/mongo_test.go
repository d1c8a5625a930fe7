package mongo_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/mongo"
	"github.com/heddlehq/heddle/workflows/value"
)

func call(t *testing.T, config value.Value, method, in string) value.Value {
	t.Helper()
	secrets := func(context.Context, string) (string, error) { return "opensesame", nil }
	v, err := adaptertest.Call(t.Context(), mongo.Kind(), adapters.Instance{ID: "db", Config: config}, secrets, method, value.MustParse(in))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(v.String(), "opensesame") {
		t.Errorf("a secret in %s", v)
	}
	return v
}

// database is an instance for a database of the test's own, at the server that HEDDLE_TEST_MONGO names.
func database(t *testing.T) value.Value {
	t.Helper()
	address := os.Getenv("HEDDLE_TEST_MONGO")
	if address == "" {
		t.Skip("HEDDLE_TEST_MONGO names no server")
	}
	address, _, _ = strings.Cut(address, "?") // parameters there are for the store
	return value.Object("url", value.String(address), "database", value.String("t"+strings.ReplaceAll(uuid.NewString(), "-", "")),
		"security", value.String("none"), "allow", value.Strings("127.0.0.0/8", "::1/128"), "timeoutSeconds", value.Int(10))
}

func wantError(t *testing.T, v value.Value, class, text string, retryable bool) {
	t.Helper()
	e := v.Get("error")
	if e.Get("class").Text() != class || !strings.Contains(e.Get("message").Text(), text) || e.Get("retryable").Truth() != retryable {
		t.Errorf("got %s, want %s: %s, retryable %t", v, class, text, retryable)
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	config := database(t)
	response := func(method, in string) value.Value {
		t.Helper()
		v := call(t, config, method, in)
		r := v.Path("outgoing", "result")
		if r.Get("status").Text() != "success" || r.Get("code").Float() != 200 {
			t.Errorf("%s %s: %s", method, in, v)
		}
		return r.Get("response")
	}
	must := func(method, in, want string) {
		t.Helper()
		if got := response(method, in).String(); got != want {
			t.Errorf("%s %s gives %s, want %s", method, in, got, want)
		}
	}
	id := response("create", `{"collectionName":"jobs","document":{"status":"complete","n":1,"at":{"$date":"2026-01-02T03:04:05Z"}}}`).Get("insertedId").Text()
	if len(id) != 24 {
		t.Fatalf("the id is %q", id)
	}
	must("createMany", `{"collectionName":"jobs","documents":[{"_id":"a","status":"canceled","n":2},{"_id":"b","status":"running","n":3.5}]}`, `{"acknowledged":true,"insertedCount":2,"insertedIds":["a","b"]}`)
	must("query", `{"queryDoc":"{\"collection\":\"jobs\",\"filter\":{\"status\":{\"$in\":[\"complete\",\"canceled\"]}},\"projection\":{\"n\":1,\"_id\":0},\"sort\":{\"n\":-1},\"limit\":10,\"start\":0}"}`, `[{"n":2},{"n":1}]`)
	must("query", `{"queryDoc":{"collection":"jobs","filter":{"_id":"`+id+`"},"projection":{"at":1,"_id":0}}}`, `[{"at":"2026-01-02T03:04:05.000Z"}]`)
	must("query", `{"queryDoc":{"entity":"jobs","filter":{"$or":[{"_id":{"$in":["`+id+`","a"]}}]},"projection":{"_id":0,"n":1},"sort":{"n":1},"skip":1}}`, `[{"n":2}]`)
	must("query", `{"queryDoc":{"collection":"nothing"}}`, `[]`)
	must("count", `{"collectionName":"jobs","filter":""}`, `3`)
	must("count", `{"collectionName":"jobs","filter":{"_id":{"$ne":"`+id+`"}}}`, `2`)
	must("distinct", `{"collectionName":"jobs","field":"status","filter":{"n":{"$gt":1.5}}}`, `["canceled","running"]`)
	must("aggregate", `{"collectionName":"jobs","aggregations":"[{\"$match\":{\"_id\":{\"$in\":[\"`+id+`\"]}}},{\"$project\":{\"_id\":0,\"n\":1}}]"}`, `[{"n":1}]`)
	must("aggregate", `{"collectionName":"jobs","aggregations":[{"$match":{"n":{"$lt":3}}},{"$out":"archive"}]}`, `[]`)
	must("count", `{"collectionName":"archive"}`, `2`)
	must("updateSearched", `{"collectionName":"jobs","filter":{"_id":"a"},"update":{"$set":{"n":7}}}`, `{"acknowledged":true,"matchedCount":1,"modifiedCount":1,"upsertedCount":0,"upsertedId":null}`)
	must("deleteSearched", `{"collectionName":"jobs","filter":"{\"_id\":{\"$in\":[\"`+id+`\",\"a\"]}}"}`, `{"acknowledged":true,"deletedCount":2}`)
	must("dropCollection", `{"collectionName":"archive","options":""}`, `true`)
	must("count", `{"collectionName":"archive"}`, `0`)

	wantError(t, call(t, config, "create", `{"collectionName":"jobs","document":{"_id":"b"}}`), "remote", "uplicate key", false)
	wantError(t, call(t, config, "query", `{"queryDoc":{"collection":"jobs","filter":{"n":{"$magic":1}}}}`), "input", "magic", false)
	must("updateSearched", `{"collectionName":"jobs","filter":{"_id":"c"},"update":{"$set":{"n":1}},"upsert":true}`, `{"acknowledged":true,"matchedCount":0,"modifiedCount":0,"upsertedCount":1,"upsertedId":"c"}`)
	wantError(t, call(t, config.With("maxDocuments", value.Int(1)), "query", `{"queryDoc":{"collection":"jobs","limit":2}}`), "limit", "more than 1 documents", false)
	readOnly := config.With("readOnly", value.True)
	wantError(t, call(t, readOnly, "aggregate", `{"collectionName":"jobs","aggregations":[{"$out":"x"}]}`), "input", "takes nothing that writes", false)
	wantError(t, call(t, readOnly, "dropCollection", `{"collectionName":"jobs"}`), "input", "takes nothing that writes", false)
}

// What is refused needs no server.
func TestRefuses(t *testing.T) {
	t.Parallel()
	config := value.MustParse(`{"url":"mongodb://127.0.0.1:1/","database":"d","security":"none","allow":["127.0.0.0/8"],"timeoutSeconds":1}`)
	for name, tc := range map[string]struct {
		config     value.Value
		method, in string
		class      string
		text       string
	}{
		"where":          {config, "query", `{"queryDoc":{"collection":"c","filter":{"a":[{"$where":"1"}]}}}`, "input", "/queryDoc/filter/a/0/$where: the operator $where may not be used"},
		"function":       {config, "aggregate", `{"collectionName":"c","aggregations":[{"$group":{"_id":{"$function":{}}}}]}`, "input", "$function may not be used"},
		"in a text":      {config, "deleteSearched", `{"collectionName":"c","filter":"{\"$where\":\"1\"}"}`, "input", "$where may not be used"},
		"no text":        {config, "deleteSearched", `{"collectionName":"c","filter":"{"}`, "input", "/filter must be JSON"},
		"no filter":      {config, "deleteSearched", `{"collectionName":"c","filter":""}`, "input", "{} deletes all"},
		"no object":      {config, "count", `{"collectionName":"c","filter":[]}`, "input", "/filter must be an object, not array"},
		"no document":    {config, "create", `{"collectionName":"c","document":5}`, "input", "/document must be an object, not number"},
		"bad oid":        {config, "create", `{"collectionName":"c","document":{"_id":{"$oid":"x"}}}`, "input", "/document cannot be read as a document"},
		"no operators":   {config, "updateSearched", `{"collectionName":"c","filter":{},"update":{"a":1}}`, "input", "/update must hold operators"},
		"no stages":      {config, "aggregate", `{"collectionName":"c","aggregations":5}`, "input", "/aggregations must be a list of stages"},
		"two members":    {config, "aggregate", `{"collectionName":"c","aggregations":[{"$match":{},"$limit":1}]}`, "input", "/aggregations/0 must have one member"},
		"no documents":   {config, "createMany", `{"collectionName":"c","documents":[]}`, "input", "/documents must be a list of 1 to"},
		"no query":       {config, "query", `{"queryDoc":[]}`, "input", "/queryDoc must be an object such as"},
		"no collection":  {config, "query", `{"queryDoc":{}}`, "input", "must be the name of a collection"},
		"system":         {config, "dropCollection", `{"collectionName":"system.users"}`, "input", "must be the name of a collection"},
		"nobody there":   {config, "count", `{"collectionName":"c"}`, "network", "cannot be reached"},
		"guarded":        {config.Without("allow"), "count", `{"collectionName":"c"}`, "input", "127.0.0.1 may not be reached"},
		"user in url":    {config.With("url", value.String("mongodb://u:p@h/")), "count", `{"collectionName":"c"}`, "input", "/url must not hold a user"},
		"file in url":    {config.With("url", value.String("mongodb://h/?tlsCAFile=/etc/passwd")), "count", `{"collectionName":"c"}`, "input", "the parameter tlsCAFile cannot be set"},
		"scheme":         {config.With("url", value.String("http://h/")), "count", `{"collectionName":"c"}`, "input", "/url must be an address such as"},
		"database":       {config.With("database", value.String("a/b")), "count", `{"collectionName":"c"}`, "input", "/database must be the name"},
		"no such option": {config.With("url", value.String("mongodb://h/?w=0&retryWrites=x")), "count", `{"collectionName":"c"}`, "input", "/url: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := call(t, tc.config, tc.method, tc.in).Get("error")
			if e.Get("class").Text() != tc.class || !strings.Contains(e.Get("message").Text(), tc.text) {
				t.Errorf("got %s, want %s: %s", e, tc.class, tc.text)
			}
		})
	}
}
