// The schemas of all API types, read from the released api/openapi-spec/swagger.json beside this file. Upstream generates
// them from Go comments instead, with tools that take longer to build and run than everything else that is compiled here.
package openapi

import (
	_ "embed"
	"encoding/json"
	"strings"
	"sync"

	"github.com/go-openapi/spec"
	"k8s.io/kube-openapi/pkg/common"
)

//go:embed swagger.json
var swagger []byte

var (
	once        sync.Once
	definitions map[string]common.OpenAPIDefinition
)

const reference = "#/definitions/"

// GetOpenAPIDefinitions needs no callback: references in the file have the names that the server gives to types.
func GetOpenAPIDefinitions(common.ReferenceCallback) map[string]common.OpenAPIDefinition {
	once.Do(read)
	own := make(map[string]common.OpenAPIDefinition, len(definitions))
	for name, definition := range definitions {
		extensions := make(spec.Extensions, len(definition.Schema.Extensions)) // the server writes into them
		for key, value := range definition.Schema.Extensions {
			extensions[key] = value
		}
		definition.Schema.Extensions = extensions
		own[name] = definition
	}
	return own
}

func read() {
	var file struct {
		Definitions map[string]json.RawMessage `json:"definitions"`
	}
	if err := json.Unmarshal(swagger, &file); err != nil {
		panic(err)
	}
	swagger = nil
	definitions = make(map[string]common.OpenAPIDefinition, len(file.Definitions))
	for name, text := range file.Definitions {
		var definition common.OpenAPIDefinition
		if err := json.Unmarshal(text, &definition.Schema); err != nil {
			panic(err)
		}
		delete(definition.Schema.Extensions, "x-kubernetes-group-version-kind") // the server knows better
		for _, part := range strings.Split(string(text), reference)[1:] {
			definition.Dependencies = append(definition.Dependencies, goName(part[:strings.Index(part, `"`)]))
		}
		definitions[goName(name)] = definition
	}
	for _, kind := range []string{"PodExec", "PodAttach", "PodPortForward", "PodProxy", "NodeProxy", "ServiceProxy"} {
		definitions["k8s.io/api/core/v1."+kind+"Options"] = common.OpenAPIDefinition{} // the file has them as parameters only
	}
}

// goName makes k8s.io/api/core/v1.Pod of io.k8s.api.core.v1.Pod.
func goName(name string) string {
	path := strings.TrimPrefix(name, "io.k8s.")
	last := strings.LastIndex(path, ".")
	return "k8s.io/" + strings.ReplaceAll(path[:last], ".", "/") + path[last:]
}
