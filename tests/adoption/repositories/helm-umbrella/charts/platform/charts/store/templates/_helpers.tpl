{{- define "store.labels" -}}
app: store
{{- end -}}
