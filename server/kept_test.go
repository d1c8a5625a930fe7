package server_test

import (
	"strings"
	"testing"
)

// Command templates are kept, so that projects stay whole.
func TestMop(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	made := a.must(t, "POST", "/mop/createTemplate", `{"mop":{"_id":"Check it","name":"Check it","commands":[{"command":"show version","passRule":true,"rules":[]}],"created":0}}`)
	if got := made.Get("ops").At(0); got.Get("_id").Text() != "Check it" || !got.Get("created").IsNumber() || !got.Has("namespace") {
		t.Errorf("created = %s", made)
	}
	a.refused(t, 409, "POST", "/mop/createTemplate", `{"mop":{"name":"Check it","commands":[]}}`)
	a.refused(t, 400, "POST", "/mop/createTemplate", `{"mop":{"name":"No commands"}}`)
	a.must(t, "POST", "/mop/createAnalyticTemplate", `{"template":{"name":"Compare","prepostCommands":[]}}`)
	for path, want := range map[string]int{
		"/mop/listTemplates": 1, "/mop/listAnalyticTemplates": 1, "/mop/listATemplate/Check%20it": 1, "/mop/listATemplate/Compare": 0, "/mop/listAnAnalyticTemplate/Compare": 1,
	} {
		if got := a.must(t, "GET", path, ""); got.Len() != want {
			t.Errorf("%s: %s, want %d", path, got, want)
		}
	}
	a.must(t, "PUT", "/mop/updateTemplate/Check%20it", `{"mop":{"name":"Check it","description":"new","commands":[]}}`)
	if got := a.must(t, "POST", "/mop/export", `{"type":"templates","options":{"name":"Check it"}}`); got.Get("description").Text() != "new" {
		t.Errorf("exported = %s", got)
	}
	a.refused(t, 404, "POST", "/mop/export", `{"type":"analytic","options":{"name":"Check it"}}`)
	if got := a.must(t, "POST", "/mop/deleteTemplate/Check%20it", ""); got.Get("deletedCount").String() != "1" {
		t.Errorf("deleted = %s", got)
	}
	a.must(t, "POST", "/mop/import", `{"type":"templates","template":[{"name":"A","commands":[]},{"name":"B","commands":[]}]}`)
	a.refused(t, 400, "POST", "/mop/import", `{"type":"poems","template":{}}`)
}

func TestTags(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	tag := a.must(t, "POST", "/tags/create", `{"data":{"name":"core","description":"d"}}`)
	a.refused(t, 409, "POST", "/tags/create", `{"data":{"name":"core"}}`)
	flow := a.add(t, "Tagged", strings.Replace(picking, `"tags":[]`, `"tags":[{"_id":"t1","name":"edge","description":""}]`, 1))
	if got := a.must(t, "GET", "/tags/all", ""); got.Len() != 2 || !got.At(0).IsObject() {
		t.Errorf("all = %s", got)
	}
	if got := a.must(t, "POST", "/tags/getTagsByReference", `{"data":{"ref_id":"`+flow+`"}}`); got.Len() != 1 || got.At(0).Get("name").Text() != "edge" {
		t.Errorf("by reference = %s", got)
	}
	if got := a.must(t, "POST", "/tags/get", `{"id":"`+tag.Get("_id").Text()+`"}`); got.Get("name").Text() != "core" {
		t.Errorf("got = %s", got)
	}
	a.must(t, "POST", "/tags/delete", `{"_id":"`+tag.Get("_id").Text()+`"}`)
	a.refused(t, 404, "POST", "/tags/delete", `{"_id":"`+tag.Get("_id").Text()+`"}`)
}

func TestKeptProfiles(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, id := range []string{"one", "two"} {
		a.must(t, "POST", "/profiles", `{"properties":{"id":"`+id+`","description":"d"}}`)
	}
	a.refused(t, 409, "POST", "/profiles/import", `{"properties":{"id":"one"}}`)
	a.must(t, "PUT", "/profiles/one/active", "")
	a.must(t, "PUT", "/profiles/two/active", "")
	a.must(t, "PUT", "/profiles/two", `{"properties":{"description":"changed","launchDelay":5}}`)
	list := a.must(t, "GET", "/profiles", "")
	if list.Get("total").String() != "2" || list.Get("results").At(0).Path("metadata", "isActive").Truth() || !list.Get("results").At(1).Path("metadata", "isActive").Truth() {
		t.Errorf("list = %s", list)
	}
	if got := a.must(t, "GET", "/profiles/two", "").Get("profile"); got.Get("description").Text() != "changed" || got.Get("id").Text() != "two" {
		t.Errorf("profile = %s", got)
	}
	a.refused(t, 409, "DELETE", "/profiles/two", "")
	a.must(t, "DELETE", "/profiles/one", "")
}

func TestPrebuilts(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	pack := `{"metadata":{"name":"@itentialopensource/x","version":"1.0.0"},"manifest":{"bundleName":"x","artifacts":[{"id":"1","name":"A","type":"workflow","location":"/","properties":{}}]},"bundles":[],"readme":"r"}`
	made := a.must(t, "POST", "/prebuilts/import", `{"prebuilt":`+pack+`,"options":{"overwrite":false}}`).Get("data")
	a.refused(t, 409, "POST", "/prebuilts/import", `{"prebuilt":`+pack+`}`)
	again := a.must(t, "POST", "/prebuilts/import", `{"prebuilt":`+pack+`,"options":{"overwrite":true}}`).Get("data")
	id := made.Get("_id").Text()
	if again.Get("_id").Text() != id || again.Get("components").Len() != 1 {
		t.Errorf("imported %s, then %s", made, again)
	}
	if got := a.must(t, "GET", "/prebuilts", ""); got.Get("total").String() != "1" || got.Get("results").At(0).Get("name").Text() != "@itentialopensource/x" {
		t.Errorf("list = %s", got)
	}
	if got := a.must(t, "GET", "/prebuilts/"+id+"/export", ""); got.String() != pack {
		t.Errorf("exported = %s, want what was imported", got)
	}
	a.must(t, "DELETE", "/prebuilts/"+id, "")
	a.refused(t, 404, "GET", "/prebuilts/"+id, "")
}

// Documents move into a project, or are copied, and what is in it resolves under plain names.
func TestComponents(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	project := a.must(t, "POST", "/automation-studio/projects", `{"name":"P","components":[]}`).Path("data", "_id").Text()
	path := "/automation-studio/projects/" + project
	flow := a.add(t, "Child", picking)
	parent := frame(`"c1":{"name":"childJob","canvasName":"childJob","summary":"","description":"","location":"Application","locationType":null,"app":"WorkFlowEngine",
		"displayName":"WorkFlowEngine","type":"operation","actor":"job","groups":[],"variables":{"incoming":{"task":"","workflow":"Child","variables":{"host":{"task":"static","value":{"name":"r1"}}},
		"data_array":"","transformation":"","loopType":""},"outgoing":{"job_details":null}}}`,
		`{"workflow_start":{"c1":{"type":"standard","state":"success"}},"c1":{"workflow_end":{"type":"standard","state":"success"}},"workflow_end":{}}`)
	a.add(t, "Parent", parent)
	form := a.must(t, "POST", "/json-forms/forms", `{"name":"F","schema":{"type":"object"},"struct":{}}`).Path("doc", "_id").Text()
	a.must(t, "POST", "/mop/createTemplate", `{"mop":{"name":"M","commands":[]}}`)
	body := `{"mode":"move","components":[{"type":"workflow","reference":"` + flow + `","folder":"/a/b"},{"type":"workflow","reference":"Parent"},
		{"type":"jsonForm","reference":"` + form + `"},{"type":"mopCommandTemplate","reference":"M"}]}`
	added := a.must(t, "POST", path+"/components/add", body).Get("data")
	if got := added.Get("components"); got.Len() != 4 || got.At(0).Get("name").Text() != "@"+project+": Child" || got.At(0).Get("reference").Text() != flow {
		t.Errorf("components = %s", got)
	}
	a.refused(t, 409, "POST", path+"/components/add", `{"components":[{"type":"workflow","reference":"`+flow+`"}]}`)
	a.refused(t, 404, "POST", path+"/components/add", `{"components":[{"type":"jsonForm","reference":"nothing"}]}`)
	a.refused(t, 400, "POST", path+"/components/add", `{"components":[{"type":"poem","reference":"x"}]}`)
	a.job(t, a.start(t, "@"+project+": Parent", `{}`), "complete")
	exported := a.must(t, "GET", path+"/export", "").Get("data")
	if got := exported.Get("components"); got.Len() != 4 || got.At(0).Path("document", "name").Text() != "Child" {
		t.Errorf("exported = %s", got)
	}

	copied := a.must(t, "POST", "/automation-studio/projects", `{"name":"Q","components":[]}`).Path("data", "_id").Text()
	a.must(t, "POST", "/automation-studio/projects/"+copied+"/components/add", `{"mode":"copy","components":[{"type":"workflow","reference":"`+flow+`"}]}`)
	a.job(t, a.start(t, "@"+copied+": Child", `{"host":{"name":"x"}}`), "complete")
	a.must(t, "PUT", path+"/thumbnail", `{"imageData":"data:image/png;base64,AA=="}`)
	if got := a.must(t, "GET", path+"/thumbnail", "").Path("data", "imageData").Text(); got != "data:image/png;base64,AA==" {
		t.Errorf("thumbnail = %q", got)
	}

	// The same file again, as a new project and with new references: the first stays whole.
	file := a.must(t, "GET", path+"/export", "").Get("data")
	a.refused(t, 409, "POST", "/automation-studio/projects/import", `{"project":`+file.String()+`,"conflictMode":"insert-new"}`) // its name is taken
	second := a.must(t, "POST", "/automation-studio/projects/import", `{"project":`+strings.Replace(file.String(), `"name":"P"`, `"name":"R"`, 1)+`,"conflictMode":"insert-new"}`).Get("data")
	if got := second.Get("components").At(2).Get("reference").Text(); got == form {
		t.Errorf("two projects have the form %s", got)
	}
	a.must(t, "DELETE", "/automation-studio/projects/"+second.Get("_id").Text(), "")
	a.must(t, "GET", "/json-forms/forms/"+form, "")
	a.job(t, a.start(t, "@"+project+": Parent", `{}`), "complete")
	a.refused(t, 400, "POST", "/automation-studio/projects/import", `{"project":`+file.String()+`,"conflictMode":"sometimes"}`)
	a.refused(t, 409, "POST", "/automation-studio/projects/import", `{"project":`+file.String()+`}`)
	a.must(t, "POST", "/automation-studio/projects/import", `{"project":`+file.String()+`,"conflictMode":"overwrite","assignNewReferences":true}`)
	a.job(t, a.start(t, "@"+project+": Parent", `{}`), "complete")
}
