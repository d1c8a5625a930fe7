package openapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/openapi"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

func imported(t *testing.T, file string) *adapters.Kind {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	kind, problems := openapi.Import(data)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return kind
}

// mirror answers with what it was asked, and hands out tokens.
func mirror(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			user, _, _ := r.BasicAuth()
			fmt.Fprintf(w, `{"access_token":"for %s %s"}`, user, r.FormValue("scope"))
			return
		}
		if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
			if err := r.ParseMultipartForm(1 << 20); err != nil {
				t.Error(err)
				return
			}
			for name, files := range r.MultipartForm.File {
				f, err := files[0].Open()
				if err != nil {
					t.Error(err)
					return
				}
				data, _ := io.ReadAll(f)
				r.MultipartForm.Value[name] = []string{files[0].Filename, string(data)}
			}
			if err := json.NewEncoder(w).Encode(map[string]any{"uri": r.RequestURI, "form": r.MultipartForm.Value}); err != nil {
				t.Error(err)
			}
			return
		}
		body, _ := io.ReadAll(r.Body)
		headers := map[string]string{}
		for k := range r.Header {
			headers[k] = r.Header.Get(k)
		}
		if strings.Contains(r.RequestURI, "/404/") {
			w.WriteHeader(http.StatusNotFound)
		}
		err := json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "uri": r.RequestURI, "headers": headers, "body": string(body)})
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func call(t *testing.T, kind *adapters.Kind, base, config, method, in string) value.Value {
	t.Helper()
	c := value.MustParse(config).With("allow", value.Strings("127.0.0.0/8", "::1/128"))
	if base != "" {
		c = c.With("url", value.String(base))
	}
	secrets := func(context.Context, string) (string, error) { return "opensesame", nil }
	v, err := adaptertest.Call(t.Context(), kind, adapters.Instance{ID: "x", Config: c}, secrets, method, value.MustParse(in))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(v.String(), "opensesame") {
		t.Errorf("a secret in %s", v)
	}
	return v
}

func TestImport_kind(t *testing.T) {
	t.Parallel()
	kind := imported(t, "testdata/inventory.yaml")
	if kind.App != "Inventory:2.1" || kind.Summary != "Devices and the rooms they stand in." {
		t.Errorf("app %q, summary %q", kind.App, kind.Summary)
	}
	manifest, err := schemas.Named("adapter-manifest")
	if err != nil {
		t.Fatal(err)
	}
	m := kind.Manifest()
	if violations := manifest.Check(m); len(violations) > 0 {
		t.Error(violations)
	}
	got := map[string]value.Value{}
	for _, v := range m.Get("methods").Elements() {
		got[v.Get("name").Text()] = v
		for _, side := range []string{"incoming", "outgoing"} {
			if _, err := schemas.Compile(v.Get(side)); err != nil {
				t.Errorf("%s of %s: %v", side, v.Get("name"), err)
			}
		}
	}
	for method, want := range map[string]struct {
		sideEffects  bool
		keys, device string
	}{
		"devices_list":    {false, "tag,state,near,where,session,limit,X-Branch", ""},
		"devices_create":  {true, "X-Branch,bodyContentType,requestBodyPayload", "name,key,parent,room"},
		"getDevicesId":    {false, "id", ""},
		"devices_destroy": {true, "id", ""},
		"photo":           {true, "id,id_query,bodyContentType,requestBodyPayload", "title,tags,file"},
	} {
		m := got[method]
		in := m.Path("incoming", "properties")
		if strings.Join(in.Keys(), ",") != want.keys || m.Get("sideEffects").Truth() != want.sideEffects ||
			strings.Join(in.Path("requestBodyPayload", "properties").Keys(), ",") != want.device {
			t.Errorf("%s is %s", method, m)
		}
	}
	create := got["devices_create"]
	if got := create.Path("incoming", "properties", "requestBodyPayload", "required").String(); got != `["name"]` {
		t.Errorf("what is read-only is required: %s", got)
	}
	if got := create.Path("incoming", "properties", "bodyContentType", "enum").String(); got != `["application/json","text/csv"]` {
		t.Errorf("media types %s", got)
	}
	device := create.Path("outgoing", "properties", "response", "properties", "body", "properties")
	if got := device.Path("name").String(); got != `{"type":["string","null"]}` || device.Has("key") || !device.Has("id") {
		t.Errorf("answers %s", device)
	}
	if limit := got["devices_list"].Path("incoming", "properties", "limit").String(); limit != `{"type":"integer","exclusiveMinimum":0}` {
		t.Errorf("limit is %s", limit)
	}
	for _, m := range kind.Catalog() {
		if m.App != kind.App || m.LocationType != kind.App || m.Summary == "" {
			t.Errorf("in the catalog %+v", m)
		}
	}
}

func TestCall(t *testing.T) {
	t.Parallel()
	s := mirror(t)
	for name, tc := range map[string]struct{ file, config, method, in, want string }{
		"query":            {"inventory.yaml", `{}`, "devices_list", `{"tag":["a","b"],"state":["x","y"],"limit":5,"X-Branch":""}`, `"uri":"/api/devices?limit=5&state=x%2Cy&tag=a&tag=b"`},
		"deep":             {"inventory.yaml", `{}`, "devices_list", `{"near":{"room":{"n":1},"floor":[1,2]}}`, `near%5Bfloor%5D=1&near%5Bfloor%5D=2&near%5Broom%5D%5Bn%5D=1`},
		"json":             {"inventory.yaml", `{}`, "devices_list", `{"where":{"a":1}}`, `where=%7B%22a%22%3A1%7D`},
		"header":           {"inventory.yaml", `{}`, "devices_list", `{"X-Branch":"b1"}`, `"X-Branch":"b1"`},
		"cookie":           {"inventory.yaml", `{}`, "devices_list", `{"session":"s1"}`, `"Cookie":"session=s1"`},
		"path":             {"inventory.yaml", `{}`, "getDevicesId", `{"id":7}`, `"uri":"/api/devices/7/"`},
		"escaped path":     {"inventory.yaml", `{}`, "devices_destroy", `{"id":"a/b?c"}`, `"uri":"/api/devices/a%2Fb%3Fc/"`},
		"body":             {"inventory.yaml", `{}`, "devices_create", `{"requestBodyPayload":{"name":"r1"}}`, `"body":"{\"name\":\"r1\"}"`},
		"a list for one":   {"inventory.yaml", `{}`, "devices_create", `{"requestBodyPayload":[{"name":"r1"}]}`, `"body":"[{\"name\":\"r1\"}]"`},
		"text for object":  {"inventory.yaml", `{}`, "devices_create", `{"requestBodyPayload":"{\"name\": 1}"}`, `"body":"{\"name\":1}"`},
		"other type":       {"inventory.yaml", `{}`, "devices_create", `{"bodyContentType":"text/csv","requestBodyPayload":"a;b"}`, `"Content-Type":"text/csv"`},
		"files":            {"inventory.yaml", `{}`, "photo", `{"id":1,"requestBodyPayload":{"title":"t","tags":["a","b"],"file":"aGk="}}`, `"form":{"file":["file","hi"],"tags":["a","b"],"title":["t"]}`},
		"bytes":            {"inventory.yaml", `{}`, "photo", `{"id":1,"id_query":"q","bodyContentType":"application/octet-stream","requestBodyPayload":"aGk="}`, `"body":"hi"`},
		"form":             {"inventory.yaml", `{}`, "photo", `{"id":1,"bodyContentType":"application/x-www-form-urlencoded","requestBodyPayload":{"a":[1,"x y"]}}`, `"body":"a=1&a=x+y"`},
		"token":            {"inventory.yaml", `{"security":{"tokenAuth":{"key":"Token $secret"}}}`, "devices_list", `{}`, `"Authorization":"Token $secret"`},
		"secret":           {"inventory.yaml", `{"security":{"tokenAuth":{"key":"$secret.k"}}}`, "devices_list", `{}`, `"Authorization":"***"`},
		"second choice":    {"inventory.yaml", `{"security":{"apiKey":{"key":"k"},"second":{"key":"s"}}}`, "getDevicesId", `{"id":1}`, `"uri":"/api/devices/1/?key=k"`},
		"two schemes":      {"inventory.yaml", `{"security":{"apiKey":{"key":"k"},"second":{"key":"s"}}}`, "getDevicesId", `{"id":1}`, `"Cookie":"second=s"`},
		"first choice":     {"inventory.yaml", `{"security":{"apiKey":{"key":"k"},"second":{"key":"s"},"login":{"user":"u","password":"p"}}}`, "getDevicesId", `{"id":1}`, `"Authorization":"Basic dTpw"`},
		"general auth":     {"inventory.yaml", `{"auth":{"type":"bearer","token":"t"}}`, "getDevicesId", `{"id":1}`, `"Authorization":"Bearer t"`},
		"not where public": {"inventory.yaml", `{"security":{"tokenAuth":{"key":"k"}}}`, "devices_destroy", `{"id":1}`, `"headers":{"Accept":"application/json, */*;q=0.5","Accept-Encoding":"gzip","User-Agent":"heddle"}`},
		"answers 404":      {"inventory.yaml", `{}`, "getDevicesId", `{"id":404}`, `"class":"http"`},
		"swagger":          {"tickets.json", `{}`, "postTickets", `{"requestBodyPayload":{"title":"x"},"tags":["a","b"],"watch":["c","d"]}`, `"uri":"/v1/tickets?tags=a%7Cb&watch=c&watch=d"`},
		"swagger files":    {"tickets.json", `{}`, "attach", `{"number":"T1","requestBodyPayload":{"note":"n","file":"aGk="}}`, `"form":{"file":["file","hi"],"note":["n"]}`},
		"oauth2":           {"tickets.json", `{"security":{"oauth":{"clientId":"me","clientSecret":"s"}}}`, "postTickets", `{"requestBodyPayload":{}}`, `"Authorization":"Bearer for me read write"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := s.URL + "/api"
			if tc.file == "tickets.json" {
				base = s.URL // the document has no host, but a path
			}
			v := call(t, imported(t, "testdata/"+tc.file), base, tc.config, tc.method, tc.in)
			if !strings.Contains(v.String(), tc.want) {
				t.Errorf("got %s, want %s", v, tc.want)
			}
			if r := v.Path("outgoing", "response"); !r.IsAbsent() && (r.Get("statusCode").Float() != 200 || !r.Path("headers", "content-type").IsString()) {
				t.Errorf("the envelope is %s", r)
			}
		})
	}
}

func TestCall_refuses(t *testing.T) {
	t.Parallel()
	s := mirror(t)
	for name, tc := range map[string]struct{ file, base, config, method, in, want string }{
		"no parameter":   {"inventory.yaml", s.URL, `{}`, "getDevicesId", `{"id":""}`, "/id must be given"},
		"no body":        {"inventory.yaml", s.URL, `{}`, "devices_create", `{}`, "/requestBodyPayload must be given"},
		"upwards":        {"inventory.yaml", s.URL + "/api", `{}`, "getDevicesId", `{"id":".."}`, "must not lead upwards"},
		"media type":     {"inventory.yaml", s.URL, `{}`, "devices_create", `{"bodyContentType":"a/b","requestBodyPayload":1}`, "/bodyContentType must be one of application/json, text/csv"},
		"base64":         {"inventory.yaml", s.URL, `{}`, "photo", `{"id":1,"requestBodyPayload":{"file":"*"}}`, "/requestBodyPayload/file must be a text in base64"},
		"no form":        {"inventory.yaml", s.URL, `{}`, "photo", `{"id":1,"requestBodyPayload":1}`, "must be an object of fields"},
		"no text":        {"inventory.yaml", s.URL, `{}`, "photo", `{"id":1,"bodyContentType":"text/plain","requestBodyPayload":[]}`, "must be a text for text/plain"},
		"no method":      {"inventory.yaml", s.URL, `{}`, "nothing", `{}`, "has no method"},
		"no scheme":      {"inventory.yaml", s.URL, `{"security":{"x":{}}}`, "getDevicesId", `{"id":1}`, "/security/x: the document has no security scheme of this name; it has apiKey, login, second, tokenAuth"},
		"no credentials": {"inventory.yaml", s.URL, `{"security":{"login":{}}}`, "getDevicesId", `{"id":1}`, "/security/login/user must be given"},
		"no address":     {"tickets.json", "", `{}`, "attach", `{"number":"1"}`, `/url must be given: the document says no more than "/v1"`},
		"a variable":     {"inventory.yaml", "", `{"variables":{"site":"127.0.0.1:1/"}}`, "getDevicesId", `{"id":1}`, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := call(t, imported(t, "testdata/"+tc.file), tc.base, tc.config, tc.method, tc.in)
			if text := v.Path("error", "message").Text(); !strings.Contains(text, tc.want) {
				t.Errorf("got %s, want %s", v, tc.want)
			}
		})
	}
	inside := imported(t, "testdata/inventory.yaml")
	v, err := adaptertest.Call(t.Context(), inside, adapters.Instance{ID: "x", Config: value.Object("url", value.String(s.URL))}, nil, "getDevicesId", value.MustParse(`{"id":1}`))
	if err != nil || !strings.Contains(v.String(), "may not be reached") {
		t.Errorf("%v, %s", err, v)
	}
}

func TestImport_problems(t *testing.T) {
	t.Parallel()
	const head = `{"openapi":"3.1.0","info":{"title":"T","version":"1"},`
	for in, want := range map[string]string{
		``:                                  ": must be an object",
		`{`:                                 "(syntax)",
		"a: [":                              "(syntax)",
		`[]`:                                "must be an object",
		`{}`:                                "must have a member openapi",
		`{"openapi":"4.0.0"}`:               "/openapi: version",
		`{"swagger":"1.2"}`:                 "/swagger: version",
		`{"openapi":"3.0.0"}`:               "/info/title: must be given",
		head + `"paths":[]}`:                "/paths: must be an object of paths, not array",
		head + `"paths":{}}`:                "/paths: must have at least one operation",
		head + `"paths":{"a":{}}}`:          "/paths/a: a path must begin with /",
		head + `"paths":{"/a":5}}`:          "/paths/~1a: must be an object, not number",
		head + `"paths":{"/a":{"get":[]}}}`: "/paths/~1a/get: must be an object, not array",
		head + `"paths":{"/a":{"get":{"parameters":{}}}}}`:                                   "/paths/~1a/get/parameters: must be a list, not object",
		head + `"paths":{"/a":{"get":{"parameters":[{"in":"query"}]}}}}`:                     "/paths/~1a/get/parameters/0/name: must be a text",
		head + `"paths":{"/a":{"get":{"parameters":[{"name":"x","in":"body"}]}}}}`:           "/paths/~1a/get/parameters/0/in: must be one of path, query",
		head + `"paths":{"/a":{"get":{"parameters":[{"$ref":"#/nowhere"}]}}}}`:               `/paths/~1a/get/parameters/0: the reference "#/nowhere" leads nowhere`,
		head + `"paths":{"/a":{"get":{"parameters":[{"$ref":"http://127.0.0.1/x.json"}]}}}}`: "leads to another document, which is not read",
		head + `"paths":{"/a":{"$ref":"#/paths/~1a"}}}`:                                      "go round in a circle",
	} {
		kind, problems := openapi.Import([]byte(in))
		if err := problems.Err(); kind != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

func TestImport_warnings(t *testing.T) {
	t.Parallel()
	kind, problems := openapi.Import([]byte(`{"openapi":"3.1.0","info":{"title":"T","version":1.5},"paths":{
		"/a/{id}":{"get":{"operationId":"x","responses":{"200":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Gone"}}}}}}},
		"/b":{"get":{"operationId":"x","parameters":[{"name":"y","in":"path","schema":true}],"security":[{"magic":[]}]}}}}`))
	if kind == nil || kind.App != "T:1.5" {
		t.Fatalf("%v", problems)
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.Error())
	}
	for _, want := range []string{
		"/paths/~1a~1{id}/get: the parameter id of the path is not described",
		`/paths/~1a~1{id}/get/responses/200/content/application~1json/schema: the reference "#/components/schemas/Gone" leads nowhere; anything goes there`,
		"/paths/~1b/get: the operation is called x_2 because there is another x",
		"/paths/~1b/get/parameters/0: the path /b has no {y}",
		"/paths/~1b/get/security/0/magic: there is no security scheme of this name",
	} {
		if n := strings.Count(strings.Join(got, "\n"), want); n != 1 {
			t.Errorf("%d times %q in\n%s", n, want, strings.Join(got, "\n"))
		}
	}
}
