{
  "targets": [
    {
      "target_name": "tsct",
      "sources": [
        "addon.cc",
        "ask_all.cc",
        "exec_program.cc",
        "read_files.cc",
        "sealed_memfd.cc",
        "../copy/faults.cc",
        "../copy/subvolume.cc",
        "../setup/file_edits.cc",
        "../setup/stack_edits.cc",
        "../sys/error.cc",
        "../sys/file.cc"
      ],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "includes": ["../../node_modules/node-addon-api/except.gypi"],
      "cflags": ["-Wall", "-Wextra", "-Werror", "-Wshadow"],
      "cflags_cc": [
        "-std=c++20",
        "-iquote", "../..",
        "-isystem", "<!(node -p \"path.resolve(require('node-addon-api').include_dir)\")",
        "-fstack-protector-strong",
        "-D_FORTIFY_SOURCE=2"
      ],
      "ldflags": ["-Wl,-z,relro,-z,now"]
    }
  ]
}
