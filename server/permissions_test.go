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
