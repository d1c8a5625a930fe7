package server_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/server"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows/value"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares text with a file of testdata, or rewrites it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// Every route is called by an account of every role; the golden file lists who got through.
func TestPermissions(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	stranger := *a
	stranger.token = ""
	callers := map[string]*api{}
	for _, r := range auth.Roles() {
		callers[r.Name] = a.as(t, "one-"+r.Name, []string{r.Name})
	}
	var table strings.Builder
	for _, r := range server.Routes() {
		method, path, may := r[0], r[1], r[2]
		if strings.HasPrefix(path, "/operations_manager") || path == "/logout" {
			continue
		}
		path = strings.NewReplacer(":id", "x", ":task", "x", ":group", "x", ":action", "x", ":location", "x", ":package", "x", ":method", "x", "*", "x").Replace(path)
		got := stranger.call(t, method, path, "")
		if open := got.StatusCode != 401; open != (may == string(auth.Public)) && path != "/login" && path != "/oauth/token" {
			t.Errorf("%s %s: a stranger gets %d", method, path, got.StatusCode)
		}
		var through []string
		for _, role := range auth.Roles() {
			switch status := callers[role.Name].call(t, method, path, "").StatusCode; status {
			case 401:
				if may != string(auth.Public) {
					t.Errorf("%s %s: %s gets 401", method, path, role.Name)
				}
			case 403:
			case 500:
				t.Errorf("%s %s: %s gets 500", method, path, role.Name)
			default:
				through = append(through, role.Name)
			}
		}
		fmt.Fprintf(&table, "%-6s %s\n       %s\n", method, r[1], strings.Join(through, " "))
	}
	golden(t, "permissions.txt", table.String())
}

// Groups keep jobs, workflows and manual tasks from those who are not in them.
func TestGroups(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	group := a.must(t, "POST", "/authorization/groups", `{"group":{"name":"core","description":"d","assignedRoles":[],"memberOf":[]}}`).Path("data", "_id").Text()
	inner := a.must(t, "POST", "/authorization/groups", `{"group":{"name":"inner","memberOf":[{"groupId":"`+group+`"}]}}`).Path("data", "_id").Text()
	in := a.as(t, "ines", []string{"engineering"}, inner)
	out := a.as(t, "otto", []string{"engineering"})
	a.add(t, "Ask", asking)
	a.add(t, "Secret", strings.Replace(asking, `"groups":[],"tags"`, `"groups":["`+group+`"],"tags"`, 1))
	start := `{"workflow":"Ask","options":{"groups":["` + group + `"]}}`
	id := a.must(t, "POST", "/operations-manager/jobs/start", start).Path("data", "_id").Text()
	a.start(t, "Ask", `{}`)
	a.start(t, "Secret", `{}`)
	const jobs, tasks = "/operations-manager/jobs", "/operations-manager/tasks"

	for name, tc := range map[string]struct {
		caller       *api
		jobs, status int
		flows        int
	}{"admin": {a, 3, 200, 2}, "member": {in, 3, 200, 2}, "other": {out, 1, 404, 1}} {
		for path, want := range map[string]int{jobs: tc.jobs, tasks: tc.jobs, jobs + "?limit=1": tc.jobs} {
			if got, _ := tc.caller.must(t, "GET", path, "").Path("metadata", "total").Int(); got != int64(want) {
				t.Errorf("%s: total of %s is %d, want %d", name, path, got, want)
			}
		}
		if got, _ := tc.caller.must(t, "GET", "/automation-studio/workflows", "").Get("total").Int(); got != int64(tc.flows) {
			t.Errorf("%s: %d workflows, want %d", name, got, tc.flows)
		}
		for _, path := range []string{jobs + "/" + id, jobs + "/" + id + "/history", jobs + "/" + id + "/explain", "/workflow_engine/getJob/" + id} {
			if got := tc.caller.call(t, "GET", path, ""); got.StatusCode != tc.status {
				t.Errorf("%s: GET %s: status %d, want %d", name, path, got.StatusCode, tc.status)
			}
		}
	}
	run := a.must(t, "GET", tasks+"?equals[job._id]="+id, "").Get("data").At(0).Get("_id").Text()
	out.refused(t, 404, "GET", tasks+"/"+run, "")
	out.refused(t, 404, "POST", tasks+"/"+run+"/claim", "")
	out.refused(t, 404, "POST", jobs+"/"+id+"/tasks/b1/finish", `{"taskData":{"finish_state":"success"}}`)
	out.refused(t, 500, "POST", jobs+"/cancel", `{"jobIds":["`+id+`"]}`)
	out.refused(t, 404, "POST", jobs+"/start", `{"workflow":"Secret","options":{}}`)
	out.refused(t, 404, "POST", "/workflow_builder/export", `{"options":{"name":"Secret"}}`)
	out.refused(t, 404, "DELETE", "/workflow_builder/workflows/delete/Secret", "")
	in.must(t, "POST", tasks+"/"+run+"/claim", "")

	// Exports carry groups as objects; they bind all the same, in a project, too.
	object := strings.Replace(asking, `"groups":[],"tags"`, `"groups":[{"_id":"`+group+`","name":"core"}],"tags"`, 1)
	a.add(t, "Object", object)
	project := value.MustParse(projectFile("P")).Without("components").With("components", value.Array(value.Object(
		"iid", value.Int(1), "type", value.String("workflow"), "reference", value.String("r"), "folder", value.String("/"), "document", value.MustParse(object))))
	a.must(t, "POST", "/automation-studio/projects/import", value.Object("project", project).String())
	if got := out.must(t, "GET", "/automation-studio/workflows", "").Get("total").String(); got != "1" {
		t.Errorf("other sees %s workflows, want 1", got)
	}
	out.refused(t, 403, "GET", "/automation-studio/projects/"+projectID+"/export", "")
	out.refused(t, 403, "DELETE", "/automation-studio/projects/"+projectID, "")
	out.refused(t, 403, "POST", "/automation-studio/projects/import", `{"conflictMode":"overwrite","project":`+projectFile("P")+`}`)
	in.must(t, "GET", "/automation-studio/projects/"+projectID+"/export", "")

	in.must(t, "DELETE", jobs+"/"+id+"/groups", "")
	out.must(t, "GET", jobs+"/"+id, "")
	a.must(t, "POST", jobs+"/"+id+"/groups", `{"group":"`+group+`"}`)
	out.refused(t, 404, "GET", jobs+"/"+id, "")
	a.refused(t, 400, "PUT", jobs+"/"+id+"/groups", `{"groups":["nobody"]}`)
	a.must(t, "DELETE", jobs+"/"+id+"/groups/"+group, "")
	watched := out.must(t, "POST", jobs+"/"+id+"/watch", "").Path("data", "watchers")
	if watched.Len() != 1 {
		t.Errorf("watchers = %s", watched)
	}
	if left := out.must(t, "POST", jobs+"/"+id+"/unwatch", "").Path("data", "watchers"); left.Len() != 0 {
		t.Errorf("watchers = %s", left)
	}
}

// An automation with groups, and its triggers, are there for their members alone; what others
// get is what they get for one that does not exist.
func TestGroups_automations(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := func(v value.Value) string { return v.Path("data", "_id").Text() }
	readers := id(a.must(t, "POST", "/authorization/groups", `{"group":{"name":"readers"}}`))
	writers := id(a.must(t, "POST", "/authorization/groups", `{"group":{"name":"writers"}}`))
	reader, writer := a.as(t, "reader", []string{"apiwrite"}, readers), a.as(t, "writer", []string{"apiwrite"}, writers)
	other := a.as(t, "other", []string{"apiwrite"})
	a.add(t, "Pick", picking)
	const automations, triggers = "/operations-manager/automations", "/operations-manager/triggers"
	secret := id(a.must(t, "POST", automations, `{"name":"Secret","componentName":"Pick","gbac":{"read":["`+readers+`"],"write":["`+writers+`"]}}`))
	open := id(a.must(t, "POST", automations, `{"name":"Open","componentName":"Pick","gbac":{"read":[],"write":["`+writers+`"]}}`))
	endpoint := func(name, automation string) string {
		return id(a.must(t, "POST", triggers, `{"name":"`+name+`","type":"endpoint","routeName":"`+name+`","actionType":"automations","actionId":"`+automation+`"}`))
	}
	hidden := endpoint("hidden", secret)
	endpoint("shown", open)
	manual := id(a.must(t, "POST", triggers, `{"name":"by hand","type":"manual","legacyWrapper":false,"actionType":"automations","actionId":"`+secret+`"}`))

	for name, tc := range map[string]struct {
		who                   *api
		automations, triggers int64
		see, change, run      int // what calls on the hidden ones answer
		changeOpen            int
	}{
		"admin":  {a, 2, 3, 200, 200, 200, 200},
		"reader": {reader, 2, 3, 200, 403, 200, 403},
		"writer": {writer, 2, 3, 200, 200, 200, 200},
		"other":  {other, 1, 1, 404, 404, 404, 403},
	} {
		for path, want := range map[string]int64{automations: tc.automations, triggers: tc.triggers} {
			if got, _ := tc.who.must(t, "GET", path, "").Path("metadata", "total").Int(); got != want {
				t.Errorf("%s: %d of %s, want %d", name, got, path, want)
			}
		}
		for _, call := range []struct {
			method, path, body string
			want               int
		}{
			{"GET", automations + "/" + secret, "", tc.see},
			{"GET", automations + "/" + secret + "/export", "", tc.see},
			{"GET", triggers + "/" + hidden, "", tc.see},
			{"GET", triggers + "/" + hidden + "/export", "", tc.see},
			{"PATCH", automations + "/" + secret, `{"description":"d"}`, tc.change},
			{"PATCH", automations + "/" + open, `{"description":"d"}`, tc.changeOpen},
			{"PATCH", triggers + "/" + hidden, `{"description":"d"}`, tc.change},
			{"POST", triggers + "/endpoint/hidden", `{"host":{"name":"x"}}`, tc.run},
			{"POST", triggers + "/endpoint/shown", `{"host":{"name":"x"}}`, 200},
			{"POST", triggers + "/manual/" + manual + "/run", `{"formData":{"host":{"name":"x"}}}`, tc.run},
		} {
			if got := tc.who.call(t, call.method, call.path, call.body); got.StatusCode != call.want {
				t.Errorf("%s: %s %s: status %d, want %d: %s", name, call.method, call.path, got.StatusCode, call.want, got.text)
			}
		}
	}
	// Forbidden looks as unknown does.
	for _, path := range []string{automations + "/%s", triggers + "/%s", "/operations-manager/jobs/%s"} {
		unknown := other.call(t, "GET", fmt.Sprintf(path, "000000000000000000000000"), "").text
		for _, there := range []string{secret, hidden} {
			if got := strings.ReplaceAll(other.call(t, "GET", fmt.Sprintf(path, there), "").text, there, "000000000000000000000000"); got != unknown {
				t.Errorf("%s answers %s, and what is unknown %s", path, got, unknown)
			}
		}
	}
	other.refused(t, 400, "POST", triggers, `{"name":"n","type":"endpoint","routeName":"n","actionType":"automations","actionId":"`+secret+`"}`)
	if n := other.must(t, "DELETE", triggers+"/action/"+secret, "").Path("data", "deletedCount").String(); n != "0" {
		t.Errorf("other deletes %s triggers", n)
	}
	other.refused(t, 404, "DELETE", triggers+"/"+hidden, "")
	reader.refused(t, 403, "DELETE", triggers+"/action/"+secret, "")
	reader.refused(t, 403, "DELETE", automations+"/"+secret, "")
	writer.must(t, "DELETE", triggers+"/"+hidden, "")
	writer.must(t, "DELETE", automations+"/"+secret, "")
}
