package mongostore

import (
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]struct {
		address
		err string
	}{
		"mongodb://h":                                {address{"mongodb://h/", "heddle", false}, ""},
		"mongodb://h1:1,h2:2/":                       {address{"mongodb://h1:1,h2:2/", "heddle", false}, ""},
		"mongodb://u:p%2F@h/other?replicaSet=r":      {address{"mongodb://u:p%2F@h/other?replicaSet=r", "other", false}, ""},
		"mongodb+srv://h/a%20b?heddleUnsafe=true":    {address{"mongodb+srv://h/a%20b", "a b", true}, ""},
		"mongodb://h/?heddleunsafe=false&tls=true":   {address{"mongodb://h/?tls=true", "heddle", false}, ""},
		"mongodb://h/?heddleUnsafe=perhaps":          {err: "heddleUnsafe is true or false"},
		"postgres://h/":                              {err: "must begin with mongodb://"},
		"h:27017":                                    {err: "must begin with mongodb://"},
		"mongodb://h/%zz":                            {err: "database name"},
		"mongodb://h/db?w=majority&&heddleUnsafe=1&": {address{"mongodb://h/db?w=majority", "db", true}, ""},
	} {
		got, err := parseAddress(uri)
		if want.err != "" {
			if err == nil || !strings.Contains(err.Error(), want.err) {
				t.Errorf("%s: error %v, want %q", uri, err, want.err)
			}
			continue
		}
		if err != nil || got != want.address {
			t.Errorf("%s: %+v, error %v, want %+v", uri, got, err, want.address)
		}
	}
}

func TestRisks_askedFor(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"":                             "",
		"w=majority&journal=true":      "",
		"readPreference=primary":       "",
		"readConcernLevel=majority":    "",
		"w=0":                          "w=0",
		"w=1":                          "w=1",
		"w=2":                          "w=2",
		"journal=false":                "journal=false",
		"retryWrites=false":            "retryWrites=false",
		"readPreference=secondary":     "readPreference=secondary",
		"readConcernLevel=local":       "readConcernLevel=local",
		"w=1&readPreference=secondary": "w=1 in the address: an acknowledged write may be lost; w=majority or nothing is right; readPreference=secondary",
	} {
		var u risks
		u.askedFor(options.Client().ApplyURI("mongodb://h/?" + query))
		checkRisks(t, query, u, want)
	}
}

func TestRisks_found(t *testing.T) {
	t.Parallel()
	doc := func(js string) bson.Raw {
		var raw bson.Raw
		if err := bson.UnmarshalExtJSON([]byte(js), false, &raw); err != nil {
			t.Fatal(err)
		}
		return raw
	}
	good := func() answers {
		return answers{hello: doc(`{"setName":"rs","hosts":["a","b","c"]}`), build: doc(`{"version":"8.0.1"}`),
			arguments: doc(`{"parsed":{}}`), status: doc(`{"storageEngine":{"persistent":true}}`),
			set: doc(`{"config":{"writeConcernMajorityJournalDefault":true}}`)}
	}
	for name, tc := range map[string]struct {
		change func(a *answers)
		want   string
	}{
		"sound":              {func(*answers) {}, ""},
		"may not ask":        {func(a *answers) { a.arguments, a.status, a.set = nil, nil, nil }, ""},
		"one member":         {func(a *answers) { a.hello = doc(`{"setName":"rs","hosts":["a"]}`) }, ""},
		"arbiter among five": {func(a *answers) { a.hello = doc(`{"setName":"rs","hosts":["a","b","c","d"],"arbiters":["e"]}`) }, ""},
		"arbiter":            {func(a *answers) { a.hello = doc(`{"setName":"rs","hosts":["a","b"],"arbiters":["c"]}`) }, "an arbiter in a set of 3"},
		"arbiter, passive":   {func(a *answers) { a.hello = doc(`{"setName":"rs","hosts":["a"],"passives":["b"],"arbiters":["c"]}`) }, "an arbiter in a set of 3"},
		"in memory":          {func(a *answers) { a.status = doc(`{"storageEngine":{"persistent":false}}`) }, "a storage engine without a disk"},
		"majority in memory": {func(a *answers) { a.set = doc(`{"config":{"writeConcernMajorityJournalDefault":false}}`) }, "writeConcernMajorityJournalDefault=false"},
		"no journal":         {func(a *answers) { a.arguments = doc(`{"parsed":{"storage":{"journal":{"enabled":false}}}}`) }, "no journal"},
		"no set":             {func(a *answers) { a.hello = doc(`{"hosts":["a"]}`) }, "no replica set"},
		"old":                {func(a *answers) { a.build = doc(`{"version":"5.0.31"}`) }, "MongoDB 5.0.31"},
		"version unknown":    {func(a *answers) { a.build = doc(`{}`) }, "MongoDB : too old"},
	} {
		a := good()
		tc.change(&a)
		var u risks
		u.found(a)
		checkRisks(t, name, u, tc.want)
	}
}

func checkRisks(t *testing.T, name string, u risks, want string) {
	t.Helper()
	err := u.err()
	if want == "" {
		if err != nil {
			t.Errorf("%s: %v, want no error", name, err)
		}
		return
	}
	if err == nil || !strings.HasPrefix(err.Error(), "unsafe settings: "+want) {
		t.Errorf("%s: error %v, want %q", name, err, want)
	}
}
