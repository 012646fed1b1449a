{{- define "imchat-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "imchat-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- /* What lies outside the release's namespace carries its name, so that two releases don't clash. */}}
{{- define "imchat-operator.foreignName" -}}
{{- printf "%s:%s" (include "imchat-operator.fullname" .) .Release.Namespace }}
{{- end }}

{{- define "imchat-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "imchat-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "imchat-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "imchat-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "imchat-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "imchat-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name: name the service account that exists, since serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "imchat-operator.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "imchat-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "imchat-operator.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{- /* The operator's environment and files of its metric sources: where each one's token and CA lie. */}}
{{- define "imchat-operator.metricSources" -}}
prometheus:
{{- range $n, $server := .Values.metricSources.prometheus }}
  - name: {{ $server.name }}
    url: {{ $server.url | quote }}
    {{- with $server.tokenSecret }}
    tokenFile: /etc/imchat/{{ $server.name }}/token/{{ .key }}
    {{- end }}
    {{- with $server.caConfigMap }}
    caFile: /etc/imchat/{{ $server.name }}/ca/{{ .key }}
    {{- end }}
{{- end }}
{{- end }}

{{- /* A manifest of files/ as it stands, with the release's labels and `annotations` for each of its objects. */}}
{{- define "imchat-operator.labelled" -}}
{{- $more := printf "\nmetadata:\n  labels:\n%s\n" (include "imchat-operator.labels" .root | indent 4) }}
{{- with .annotations }}
{{- $more = printf "%s  annotations:\n%s\n" $more (toYaml . | indent 4) }}
{{- end }}
{{- .root.Files.Get .path | replace "\nmetadata:\n" $more }}
{{- end }}
